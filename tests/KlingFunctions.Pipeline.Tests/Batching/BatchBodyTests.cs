using System.Text;
using KlingFunctions.Pipeline.Batching;
using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Tests.Batching;

public class BatchBodyTests
{
    [Theory]
    [InlineData("[{\"a\":1},{\"a\":2}]")]
    [InlineData(" [ {\"a\":1} , {\"a\":2} ] ")]
    [InlineData("{\"a\":1}\n{\"a\":2}")]
    [InlineData("\uFEFF{\"a\":1}\r\n\r\n  {\"a\":2}\t\r\n")]
    public void Array_and_lines_are_the_same_requests(string body) => Assert.Equal(["{\"a\":1}", "{\"a\":2}"], Split(body));

    [Fact]
    public void One_object_over_several_lines_is_one_request() => Assert.Equal(["{\n\"a\": 1\n}"], Split("{\n\"a\": 1\n}\n"));

    [Fact]
    public void Line_that_is_not_JSON_affects_no_other() => Assert.Equal(["{\"a\":1}", "oops", "7"], Split("{\"a\":1}\noops\n7"));

    [Theory]
    [InlineData("", FaultCode.TooFew)]
    [InlineData(" \n\n", FaultCode.TooFew)]
    [InlineData("[]", FaultCode.TooFew)]
    [InlineData("[{\"a\":1},", FaultCode.InvalidJson)]
    public void Body_without_requests_is_refused(string body, string code) => Assert.Equal(code, FaultOf(body)?.Code);

    [Fact]
    public void Thousand_requests_are_accepted_and_one_more_is_refused()
    {
        Assert.Null(FaultOf(string.Concat(Enumerable.Repeat("{}\n", BatchBody.MaxItems))));
        Assert.Equal(FaultCode.TooMany, FaultOf(string.Concat(Enumerable.Repeat("{}\n", BatchBody.MaxItems + 1)))?.Code);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("{\"a\":1}\n{\"a\":", true)]
    [InlineData("[{\"a\":1},", true)]
    [InlineData("{\"a\":1}\n", false)]
    [InlineData("{\"a\":\n{\"a\":1}", false)]
    [InlineData("{\"a\":1}\noops", false)]
    public void Truncated_body_is_noticed_by_its_last_line(string body, bool isCutOff) => Assert.Equal(isCutOff, BatchBody.IsCutOff(Encoding.UTF8.GetBytes(body)));

    private static Fault? FaultOf(string body) => BatchBody.Split(Encoding.UTF8.GetBytes(body)).Fault;

    private static IEnumerable<string> Split(string body)
    {
        var (items, fault) = BatchBody.Split(Encoding.UTF8.GetBytes(body));
        Assert.Null(fault);
        return items.Select(item => Encoding.UTF8.GetString(item.Bytes.Span));
    }
}
