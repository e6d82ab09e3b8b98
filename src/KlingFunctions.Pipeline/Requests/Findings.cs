using KlingFunctions.Pipeline.Errors;

namespace KlingFunctions.Pipeline.Requests;

/// <summary>Collects the faults and warnings of one body.</summary>
internal sealed class Findings
{
    // A body of the largest size could have some ten thousand faults: too many to read.
    public const int Most = 100;

    private readonly List<Fault> _faults = [];
    private readonly List<Fault> _warnings = [];

    public IReadOnlyList<Fault> Faults => _faults;

    public bool AnyFault => _faults.Count > 0;

    public void Fault(string pointer, string code, string message)
    {
        if (_faults.Count < Most)
            _faults.Add(new(pointer, code, message));
        else if (_faults.Count == Most)
            _faults.Add(new("", FaultCode.TooMany, $"There are more faults than the {Most} listed: fix these first."));
    }

    public void Warn(string pointer, string code, string message)
    {
        if (_warnings.Count < Most) _warnings.Add(new(pointer, code, message));
    }

    public RequestReading Reading(Func<VideoRequest> request) => new(AnyFault ? null : request(), _faults, _warnings);
}
