using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using KlingFunctions.TestHost.Protocol;
using Microsoft.Azure.WebJobs;
using Newtonsoft.Json;

namespace KlingFunctions.TestHost;

/// <summary>A function's invocation by name.</summary>
/// <param name="Id">The invocation's id, also sent with the forwarded HTTP request.</param>
/// <param name="Input">The trigger's input as JSON; null for HTTP, which the worker receives directly.</param>
/// <param name="Metadata">The route's values.</param>
public sealed record Call(string Id, string? Input, IReadOnlyDictionary<string, string?> Metadata);

/// <summary>How often a function was started and ended.</summary>
public sealed record InvocationCount(int Begun, int Ended);

/// <summary>
/// Passes invocations of the JobHost to the worker. Static and public, because emitted methods in another assembly call it.
/// </summary>
public static class Invocations
{
    private static readonly ConcurrentDictionary<string, InvocationCount> Counts = [];
    private static WorkerLine _worker = null!;
    private static JobMethods _methods = null!;
    private static TestControl _control = null!;

    /// <summary>Every function that ran, with its counts.</summary>
    public static IReadOnlyDictionary<string, InvocationCount> All => Counts;

    internal static void PassTo(WorkerLine worker, JobMethods methods, TestControl control) => (_worker, _methods, _control) = (worker, methods, control);

    /// <summary>Runs a function in the worker.</summary>
    /// <param name="name">The function's name.</param>
    /// <param name="arguments">The arguments of the emitted method, in the order of its parameters.</param>
    public static async Task<object?> RunAsync(string name, object?[] arguments)
    {
        Counts.AddOrUpdate(name, new InvocationCount(1, 0), (_, n) => n with { Begun = n.Begun + 1 });
        try
        {
            var function = _worker.Functions.Single(f => f.Name == name);
            _control.Reached(name, "taken");
            var answer = FromRpc(await _worker.InvokeAsync(Request(function, arguments)));
            if (function.Trigger.Is("orchestrationTrigger")) answer = _control.TurnTaken((string)arguments[0]!, (string)answer!);
            _control.Reached(name, "done");
            return answer;
        }
        finally
        {
            Counts.AddOrUpdate(name, new InvocationCount(1, 1), (_, n) => n with { Ended = n.Ended + 1 });
        }
    }

    private static InvocationRequest Request(AppFunction function, object?[] arguments)
    {
        var parameters = _methods.Find(function.Name).GetParameters();
        var request = new InvocationRequest
        {
            InvocationId = (arguments[0] as Call)?.Id ?? Guid.NewGuid().ToString(),
            FunctionId = function.Id,
            TraceContext = new() { TraceParent = Activity.Current?.Id ?? "" },
        };
        foreach (var (parameter, argument) in parameters.Zip(arguments))
        {
            if (argument is Call call)
            {
                if (call.Input is not null) request.InputData.Add(new ParameterBinding { Name = function.Trigger.Name, Data = new() { Json = call.Input } });
                foreach (var (key, value) in call.Metadata) request.TriggerMetadata.Add(key, ToRpc(value));
            }
            else if (function.Bindings.Any(b => b.Name == parameter.Name))
            {
                request.InputData.Add(new ParameterBinding { Name = parameter.Name, Data = ToRpc(argument) });
            }
            else
            {
                request.TriggerMetadata.Add(parameter.Name!, ToRpc(argument));
            }
        }
        return request;
    }

    private static TypedData ToRpc(object? value) => value switch
    {
        null => new(),
        string text => new() { String = text },
        ParameterBindingData data => new()
        {
            ModelBindingData = new()
            {
                Version = data.Version,
                Source = data.Source,
                ContentType = data.ContentType,
                Content = ByteString.CopyFrom(data.Content.ToArray()),
            },
        },
        _ => throw new NotSupportedException($"{value.GetType()}"),
    };

    // Durable stores a JToken as it is. The cast to object matters: an orchestrator's answer has to stay a string, and would become a JValue.
    private static object? FromRpc(TypedData? data) => data?.DataCase switch
    {
        TypedData.DataOneofCase.String => (object?)data.String,
        TypedData.DataOneofCase.Json => JsonConvert.DeserializeObject(data.Json, new JsonSerializerSettings { DateParseHandling = DateParseHandling.None }),
        TypedData.DataOneofCase.Int => data.Int,
        TypedData.DataOneofCase.Double => data.Double,
        _ => null,
    };
}
