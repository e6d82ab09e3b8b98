using System.Reflection;
using System.Reflection.Emit;
using System.Text.RegularExpressions;
using Microsoft.Azure.WebJobs;
using Microsoft.Azure.WebJobs.Extensions.DurableTask;

namespace KlingFunctions.TestHost;

/// <summary>
/// Emits a static method for each of the worker's functions, with the attributes that the JobHost looks for. A method collects its
/// arguments and passes them to <see cref="Invocations.RunAsync"/>.
/// </summary>
internal sealed class JobMethods(IEnumerable<AppFunction> functions) : ITypeLocator
{
    /// <summary>The prefix of the methods' full names, by which Event Grid's webhook names a function.</summary>
    public const string TypeName = "Host.Functions";

    private readonly Type _type = Emit(functions);

    public IReadOnlyList<Type> GetTypes() => [_type];

    public MethodInfo Find(string function) => _type.GetMethod(function)!;

    private static Type Emit(IEnumerable<AppFunction> functions)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new("WorkerFunctions"), AssemblyBuilderAccess.Run);
        // The JobHost finds public top-level classes. Abstract and sealed together mean static in C#.
        var type = assembly.DefineDynamicModule("WorkerFunctions").DefineType(
            TypeName, TypeAttributes.Public | TypeAttributes.Class | TypeAttributes.Abstract | TypeAttributes.Sealed);
        foreach (var function in functions) EmitMethod(type, function);
        return type.CreateType();
    }

    private static void EmitMethod(TypeBuilder type, AppFunction function)
    {
        var parameters = Parameters(function).ToArray();
        // Only the Durable triggers support a return value; other functions would need a binding for it.
        var returns = function.Trigger.Is("orchestrationTrigger") || function.Trigger.Is("activityTrigger") ? typeof(Task<object>) : typeof(Task);
        var method = type.DefineMethod(
            function.Name, MethodAttributes.Public | MethodAttributes.Static, returns, [.. parameters.Select(p => p.Type)]);
        method.SetCustomAttribute(Attribute<FunctionNameAttribute>([function.Name]));
        if (parameters[0].Attribute is null) method.SetCustomAttribute(Attribute<NoAutomaticTriggerAttribute>([]));
        var il = method.GetILGenerator();
        il.Emit(OpCodes.Ldstr, function.Name);
        il.Emit(OpCodes.Ldc_I4, parameters.Length);
        il.Emit(OpCodes.Newarr, typeof(object));
        for (var i = 0; i < parameters.Length; i++)
        {
            var parameter = method.DefineParameter(i + 1, ParameterAttributes.None, parameters[i].Name);
            if (parameters[i].Attribute is { } attribute) parameter.SetCustomAttribute(attribute);
            il.Emit(OpCodes.Dup);
            il.Emit(OpCodes.Ldc_I4, i);
            il.Emit(OpCodes.Ldarg, i);
            il.Emit(OpCodes.Stelem_Ref);
        }
        il.Emit(OpCodes.Call, typeof(Invocations).GetMethod(nameof(Invocations.RunAsync))!);
        il.Emit(OpCodes.Ret);
    }

    private sealed record Parameter(string Name, Type Type, CustomAttributeBuilder? Attribute = null);

    /// <summary>The trigger first, then the binding data with that name, then the other bindings.</summary>
    private static IEnumerable<Parameter> Parameters(AppFunction function)
    {
        var trigger = function.Trigger;
        if (trigger.Is("orchestrationTrigger"))
        {
            yield return new(trigger.Name, typeof(string), Attribute<OrchestrationTriggerAttribute>([], ("Orchestration", trigger.Orchestration)));
        }
        else if (trigger.Is("activityTrigger"))
        {
            yield return new(trigger.Name, typeof(string), Attribute<ActivityTriggerAttribute>([], ("Activity", trigger.Activity)));
            yield return new("instanceId", typeof(string));
        }
        else if (trigger.Is("blobTrigger"))
        {
            var source = Enum.Parse<BlobTriggerSource>(trigger.Source ?? nameof(BlobTriggerSource.LogsAndContainerScan));
            // This type names the blob instead of reading it: the worker creates its own client for it.
            yield return new(trigger.Name, typeof(ParameterBindingData),
                Attribute<BlobTriggerAttribute>([trigger.Path!], ("Source", source), ("Connection", trigger.Connection)));
            yield return new("BlobTrigger", typeof(string));
            foreach (Match part in Regex.Matches(trigger.Path!, @"\{(\w+)}")) yield return new(part.Groups[1].Value, typeof(string));
        }
        else
        {
            // This host calls HTTP and timer functions by name.
            yield return new("call", typeof(Call));
        }
        foreach (var client in function.Bindings.Where(b => b.Is("durableClient")))
            yield return new(client.Name, typeof(string), Attribute<DurableClientAttribute>([]));
    }

    private static CustomAttributeBuilder Attribute<T>(object[] arguments, params (string Name, object? Value)[] properties)
        where T : Attribute
    {
        var set = properties.Where(p => p.Value is not null).ToArray();
        return new(
            typeof(T).GetConstructor([.. arguments.Select(a => a.GetType())])!, arguments,
            [.. set.Select(p => typeof(T).GetProperty(p.Name)!)], [.. set.Select(p => p.Value!)]);
    }
}
