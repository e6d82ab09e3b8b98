using System.Globalization;
using System.Text;

namespace KlingFunctions.Chaos;

/// <summary>Counters of a run. Several hosts may count at once.</summary>
internal sealed class Figures
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

    public void Count(string what, int times = 1)
    {
        lock (_lock) _counts[what] = _counts.GetValueOrDefault(what) + times;
    }

    public int this[string what]
    {
        get { lock (_lock) return _counts.GetValueOrDefault(what); }
    }

    /// <summary>One line for each counter.</summary>
    public override string ToString()
    {
        lock (_lock)
        {
            var text = new StringBuilder();
            foreach (var (what, times) in _counts) text.AppendLine(CultureInfo.InvariantCulture, $"{times,6}  {what}");
            return text.ToString();
        }
    }
}
