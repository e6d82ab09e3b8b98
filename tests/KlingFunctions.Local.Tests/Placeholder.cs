namespace KlingFunctions.Local.Tests; public class Placeholder { [Fact] public void T() => Assert.Equal(4, 2+2); }
