using System.Text.Json.Nodes;
using KlingFunctions.Local.Cli;

namespace KlingFunctions.Local.Tests.Cli;

public sealed class DoctorCommandTests(RunningHost host) : IClassFixture<RunningHost>
{
    [Fact]
    public async Task Every_check_is_a_line()
    {
        var called = await host.CallAsync("doctor");
        Assert.Equal(ExitCodes.Success, called.ExitCode);
        Assert.Matches(@"(?m)^ok +token +RunComfy knows the token\.$", called.Out);
        Assert.Matches(@"(?m)^ok +price +The catalogue says \$0\.112 a second", called.Out);
        Assert.Equal(8, called.Lines.Length);
    }

    [Fact]
    public async Task Checkup_has_JSON_output() =>
        Assert.Equal("token", (await host.CallAsync("doctor", "--json")).Json.GetProperty("checks")[0].GetProperty("name").GetString());

    [Fact]
    public async Task Refused_token_exits_with_no_permission()
    {
        host.RunComfy.Behaviour = RunningHost.Quick with { Tokens = ["another"] };
        var called = await host.CallAsync("doctor");
        host.RunComfy.Behaviour = RunningHost.Quick;
        Assert.Equal(ExitCodes.NoPermission, called.ExitCode);
        Assert.Contains("set RunComfy:ApiToken", called.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("token", "unknown", ExitCodes.Unavailable)]
    [InlineData("model", "failed", ExitCodes.Configuration)]
    [InlineData("price", "unknown", ExitCodes.Success)]
    [InlineData("balance", "failed", ExitCodes.TryLater)]
    [InlineData("clock", "failed", ExitCodes.Configuration)]
    [InlineData("store", "failed", ExitCodes.Unavailable)]
    [InlineData("webhook_secret", "warning", ExitCodes.Success)]
    public async Task Exit_code_is_that_of_the_first_check_that_failed(string name, string state, int code)
    {
        JsonObject Check(string name, string state) => new() { ["name"] = name, ["state"] = state, ["message"] = "So it is." };
        await using var stub = await StubHost.StartAsync(new JsonObject { ["state"] = state, ["checks"] = new JsonArray(Check("price", "ok"), Check(name, state)) });
        Assert.Equal(code, (await stub.CallAsync("doctor")).ExitCode);
    }

    [Fact]
    public async Task Key_is_needed() => Assert.Equal(ExitCodes.NoPermission, (await Called.WithAsync("doctor", "--url", host.Url)).ExitCode);
}
