using System.Net;

namespace KlingFunctions.Local.Cli;

/// <summary>
/// Exit codes of the command line: BSD's sysexits, as in RunComfy's own command line, so that a script may call either. One difference: a
/// wrong argument is always 64 (EX_USAGE), where RunComfy's parser exits with 2.
/// </summary>
internal static class ExitCodes
{
    /// <summary>The table of codes in <c>--help</c>.</summary>
    public const string Help =
        """
          0    done; watch: the job succeeded
          1    the job failed or was cancelled
          64   the arguments are wrong
          65   the host refused the request
          66   an input file can't be read
          69   the host can't be reached, or the address to listen on is taken; doctor: so RunComfy or the store
          70   a fault of this program
          73   an output file can't be written
          75   try again later; doctor: the balance pays for no video
          77   the host's key is missing or wrong; doctor: RunComfy refuses the token
          78   a setting is wrong or missing, or the journal can't be used
          130  interrupted; a job that was being watched goes on
        """;

    /// <summary>Done. For <c>watch</c> and <c>submit --watch</c>: the job has succeeded.</summary>
    public const int Success = 0;

    /// <summary>The job failed or was cancelled; or a check of <c>demo</c> failed.</summary>
    public const int Failed = 1;

    /// <summary>EX_USAGE: the arguments are wrong.</summary>
    public const int Usage = 64;

    /// <summary>EX_DATAERR: the host refused the request: 400, 404, 409, 422 and the like.</summary>
    public const int BadData = 65;

    /// <summary>EX_NOINPUT: an input file can't be read.</summary>
    public const int NoInput = 66;

    /// <summary>
    /// EX_UNAVAILABLE: the host can't be reached, answers 5xx, or is not a KlingFunctions host; or the address to listen on is in use.
    /// </summary>
    public const int Unavailable = 69;

    /// <summary>EX_SOFTWARE: a fault of this program.</summary>
    public const int Software = 70;

    /// <summary>EX_CANTCREAT: an output file can't be written.</summary>
    public const int CantCreate = 73;

    /// <summary>EX_TEMPFAIL: 408, 429, or no response in time. A later try may succeed.</summary>
    public const int TryLater = 75;

    /// <summary>EX_NOPERM: 401 or 403.</summary>
    public const int NoPermission = 77;

    /// <summary>EX_CONFIG: a setting is wrong or missing, or the journal can't be used.</summary>
    public const int Configuration = 78;

    /// <summary>Ctrl-C: 128 plus the number of the signal, as in shells. A watched job continues.</summary>
    public const int Interrupted = 130;

    /// <summary>The exit code for a status of the host.</summary>
    public static int Of(HttpStatusCode status) => (int)status switch
    {
        >= 200 and < 300 => Success,
        401 or 403 => NoPermission,
        408 or 429 => TryLater,
        >= 400 and < 500 => BadData,
        _ => Unavailable,
    };
}

/// <summary>Ends the command with one sentence on stderr.</summary>
internal sealed class ExitException(int code, string message) : Exception(message)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int Code { get; } = code;
}
