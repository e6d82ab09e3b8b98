using FsCheck;
using FsCheck.Fluent;
using KlingFunctions.Pipeline.Requests;

namespace KlingFunctions.Pipeline.Tests.Requests;

public class NearestNameTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("prompt", "prompt", 0)]
    [InlineData("prompt", "promt", 1)]
    [InlineData("prompt", "pormpt", 1)]
    [InlineData("prompt", "prompts", 1)]
    [InlineData("prompt", "trompe", 2)]
    [InlineData("", "abc", 3)]
    [InlineData("ca", "abc", 3)]
    public void Typing_error_counts_as_one(string a, string b, int distance) => Assert.Equal(distance, NearestName.Distance(a, b));

    [Fact]
    public void Distance_is_the_same_both_ways_and_zero_only_to_oneself() =>
        Prop.ForAll(ArbMap.Default.ArbFor<NonNull<string>>(), ArbMap.Default.ArbFor<NonNull<string>>(), (a, b) =>
        {
            var distance = NearestName.Distance(a.Get, b.Get);
            return distance == NearestName.Distance(b.Get, a.Get)
                && (distance == 0) == (a.Get == b.Get)
                && distance >= Math.Abs(a.Get.Length - b.Get.Length)
                && distance <= Math.Max(a.Get.Length, b.Get.Length);
        }).QuickCheckThrowOnFailure();
}
