using System.Text.Json;

namespace KlingFunctions.Simulator;

/// <summary>
/// The provider's state: the queue, the slots, the clock. Nothing runs in the background: each read first processes everything due until
/// now, in order of its time, so that a test's clock alone drives it.
/// </summary>
internal sealed class Simulation(Behaviour behaviour, TimeProvider time)
{
    private readonly Behaviour _initial = behaviour;
    private readonly Lock _lock = new();
    private readonly List<Request> _requests = [];
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly Queue<int> _running = [];
    private readonly List<int> _cancelledInQueue = [];
    private Behaviour _behaviour = behaviour;
    private int _head;
    private int _hanging;
    private DateTimeOffset _now = time.GetUtcNow();

    public Account Account { get; } = new();

    public DateTimeOffset Now => time.GetUtcNow();

    public TimeProvider Time => time;

    /// <summary>The number of calls that hang at present.</summary>
    public int Hanging => Volatile.Read(ref _hanging);

    public Behaviour Behaviour
    {
        get { lock (_lock) return _behaviour; }
        set => Change(_ => value);
    }

    public void Change(Func<Behaviour, Behaviour> change)
    {
        lock (_lock)
        {
            Advance();
            _behaviour = change(_behaviour);
        }
    }

    /// <summary>The fault for a call: the next queued one of its kind, which is then removed, or else one from the weather.</summary>
    /// <param name="call">The kind of call.</param>
    /// <param name="requestId">The request it asks about; null for none.</param>
    /// <param name="number">The number of this call, from 1, among those of its kind about this request.</param>
    public Strike? Meet(ApiCall call, string? requestId, int number)
    {
        lock (_lock)
        {
            if (TakeFault(call) is { } fault) return new(fault, _behaviour);
            var request = requestId is not null && _numbers.TryGetValue(requestId, out var known) ? known : -1;
            return _behaviour.Weather?.On(call, request, number, Now, _behaviour);
        }
    }

    /// <summary>Lets a call hang until its client gives up.</summary>
    public async Task HangAsync(CancellationToken givenUp)
    {
        Interlocked.Increment(ref _hanging);
        await Task.Delay(Timeout.Infinite, givenUp).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _hanging);
    }

    private Fault? TakeFault(ApiCall call)
    {
        lock (_lock)
        {
            var faults = _behaviour.Faults.Where(fault => fault.Times > 0).ToList();
            var index = faults.FindIndex(fault => fault.Call == call);
            if (index < 0) return null;
            var fault = faults[index];
            if (fault.Times == 1) faults.RemoveAt(index);
            else if (fault.Times < int.MaxValue) faults[index] = fault with { Times = fault.Times - 1 };
            _behaviour = _behaviour with { Faults = faults };
            return fault;
        }
    }

    /// <summary>Accepts a request, or returns null if the balance is too low.</summary>
    public Request? Submit(JsonElement input, string? failure, FaultKind? spoiltBy = null)
    {
        lock (_lock)
        {
            Advance();
            var (id, price) = (Guid.NewGuid().ToString(), ModelInput.PriceUsd(input));
            if (!Account.TryCharge(new(id, _now, price, input, spoiltBy), _behaviour.BalanceUsd)) return null;
            var request = new Request(id, _requests.Count, _now, input, price, failure ?? _behaviour.FailsWith);
            _numbers[request.Id] = request.Number;
            _requests.Add(request);
            return request;
        }
    }

    /// <summary>The request's current state; null if it is unknown or has expired.</summary>
    public Request? Find(string id)
    {
        lock (_lock)
        {
            var request = FindEvenExpired(id);
            return request is not null && _now - request.SubmittedAt >= _behaviour.RequestLifetime ? null : request;
        }
    }

    /// <summary>The request for a file, even if expired: files have a lifetime of their own.</summary>
    public Request? FindEvenExpired(string id)
    {
        lock (_lock)
        {
            Advance();
            if (!_numbers.TryGetValue(id, out var number)) return null;
            var request = _requests[number];
            return request.State == RequestState.InQueue ? request with { QueuePosition = Position(number) } : request;
        }
    }

    public bool FilesAreGone(Request request) => Now - request.FinishedAt >= Behaviour.FileLifetime;

    /// <summary>Cancels a request in the queue. Returns its new state, or null if it is unknown or has expired.</summary>
    public Request? Cancel(string id)
    {
        lock (_lock)
        {
            if (Find(id) is not { } request) return null;
            if (request.State == RequestState.InQueue && !_behaviour.RefusesCancel)
            {
                request = request with { State = RequestState.Cancelled, FinishedAt = _now, QueuePosition = null };
                _requests[request.Number] = request;
                _cancelledInQueue.Add(request.Number);
                if (!_behaviour.ChargesCancelled) Account.GiveBack(request.PriceUsd);
            }
            Account.Cancelled(new(id, _now, request.State == RequestState.Cancelled ? "cancelled" : "not_cancellable"));
            return request;
        }
    }

    public void Reset()
    {
        lock (_lock)
        {
            _requests.Clear();
            _numbers.Clear();
            _running.Clear();
            _cancelledInQueue.Clear();
            _head = 0;
            _behaviour = _initial;
            Account.Clear();
        }
    }

    private void Advance()
    {
        var until = Now;
        while (true)
        {
            SkipCancelled();
            var finish = _running.TryPeek(out var oldest) && !_behaviour.NeverFinishes
                ? Due(_requests[oldest].StartedAt, _behaviour.RunTime) : DateTimeOffset.MaxValue;
            var start = _head < _requests.Count && _running.Count < _behaviour.Slots
                ? Due(_requests[_head].SubmittedAt, _behaviour.QueueTime) : DateTimeOffset.MaxValue;
            if (finish <= until && finish <= start) Finish(_running.Dequeue(), _now = finish);
            else if (start <= until) Start(_now = start);
            else break;
        }
        _now = until;
    }

    /// <summary>The due time of an event: never before the last processed one, and never past the end of time.</summary>
    private DateTimeOffset Due(DateTimeOffset since, TimeSpan delay)
    {
        var due = delay < DateTimeOffset.MaxValue - since ? since + delay : DateTimeOffset.MaxValue;
        return due > _now ? due : _now;
    }

    private void Start(DateTimeOffset at)
    {
        _requests[_head] = _requests[_head] with { State = RequestState.InProgress, StartedAt = at };
        _running.Enqueue(_head++);
    }

    private void Finish(int number, DateTimeOffset at)
    {
        var request = _requests[number];
        var state = request.Failure is null ? RequestState.Succeeded : RequestState.Failed;
        _requests[number] = request with { State = state, FinishedAt = at };
        if (state == RequestState.Failed && !_behaviour.ChargesFailed) Account.GiveBack(request.PriceUsd);
    }

    private void SkipCancelled()
    {
        while (_head < _requests.Count && _requests[_head].State == RequestState.Cancelled) _cancelledInQueue.Remove(_head++);
    }

    private int Position(int number) => number - _head + 1 - _cancelledInQueue.Count(cancelled => cancelled > _head && cancelled < number);
}
