using System.Reflection;
using KlingFunctions.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestFramework(typeof(EachTestOnItsOwn))]

namespace KlingFunctions.Tests;

/// <summary>
/// Lets the tests of one class run side by side. They share nothing, and mostly wait: for durable timers, in real time. xunit runs
/// collections side by side, and a class is one unless told otherwise; so here a test method is one.
/// </summary>
public sealed class EachTestOnItsOwn : XunitTestFramework
{
    protected override ITestFrameworkDiscoverer CreateDiscoverer(Assembly assembly) => new Discoverer(new XunitTestAssembly(assembly, null, assembly.GetName().Version));

    private sealed class Discoverer(XunitTestAssembly assembly) : XunitTestFrameworkDiscoverer(assembly)
    {
        protected override ValueTask<bool> FindTestsForMethod(
            IXunitTestMethod testMethod, ITestFrameworkDiscoveryOptions discoveryOptions, Func<ITestCase, ValueTask<bool>> discoveryCallback)
        {
            var collection = new XunitTestCollection(TestAssembly, null, false, $"{testMethod.TestClass.TestClassName}.{testMethod.MethodName}");
            var alone = new XunitTestMethod(new XunitTestClass(testMethod.TestClass.Class, collection), testMethod.Method, testMethod.TestMethodArguments);
            return base.FindTestsForMethod(alone, discoveryOptions, discoveryCallback);
        }
    }
}
