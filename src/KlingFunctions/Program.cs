using KlingFunctions;
using KlingFunctions.AzureStorage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

try
{
    await FunctionsApp.Build(args).RunAsync();
    return 0;
}
catch (OptionsValidationException wrong)
{
    foreach (var sentence in wrong.Failures) await Console.Error.WriteLineAsync(sentence);
    return 78;
}
catch (StorageUnavailableException away)
{
    await Console.Error.WriteLineAsync(away.Message);
    return 69;
}
