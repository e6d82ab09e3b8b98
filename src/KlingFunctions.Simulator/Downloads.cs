using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace KlingFunctions.Simulator;

/// <summary>The result files: public, without a token, as from an object store.</summary>
internal static class Downloads
{
    private const string Suffix = "_output";
    private const int FreeBoxHeader = 16;

    /// <summary>The path of a request's file. Its last segment is unique for each request: clients name their copies after it.</summary>
    public static string PathOf(Request request, int number, string extension) =>
        $"/files/{request.Id}/{request.Id[..8]}{number.ToString("x2", CultureInfo.InvariantCulture)}{Suffix}{extension}";

    public static IResult Find(Simulation simulation, string id, string name, bool redirects = true)
    {
        var behaviour = simulation.Behaviour;
        var request = simulation.FindEvenExpired(id);
        var isVideo = name.EndsWith($"{Suffix}.mp4", StringComparison.Ordinal);
        var isFile = (isVideo || name.EndsWith($"{Suffix}.png", StringComparison.Ordinal))
            && name.StartsWith(id[..Math.Min(8, id.Length)], StringComparison.Ordinal);
        if (!isFile || request is not { State: RequestState.Succeeded, FinishedAt: { } finishedAt })
            return Refused("NoSuchKey", 404);
        if (simulation.FilesAreGone(request)) return Refused("AccessDenied: the URL has expired", behaviour.ExpiredFileStatusCode);
        if (redirects && behaviour.RedirectsFilesTo is { } elsewhere)
            return Results.Redirect($"{elsewhere.TrimEnd('/')}/files/{id}/{name}");
        return isVideo
            ? Video(request, behaviour, finishedAt)
            : Whole(Embedded.Get("images/robot-front.png"), "image/png", finishedAt, behaviour);
    }

    private static IResult Refused(string message, int statusCode) => Results.Text(message, "text/plain", Encoding.UTF8, statusCode);

    private static FileAnswer Video(Request request, Behaviour behaviour, DateTimeOffset finishedAt)
    {
        byte[] content = behaviour.FileContent switch
        {
            FileContent.Html => Encoding.UTF8.GetBytes(ApiError.Page("Please sign in")),
            FileContent.Empty => [],
            _ => Embedded.Get(request.Clip),
        };
        var length = behaviour.FileContent == FileContent.Clip ? behaviour.PadsFilesTo ?? 0 : 0;
        return length - content.Length >= FreeBoxHeader
            ? new FileAnswer([.. content, .. FreeBox(length - content.Length)], length, behaviour.FileContentType, finishedAt, behaviour)
            : Whole(content, behaviour.FileContentType, finishedAt, behaviour);
    }

    private static FileAnswer Whole(byte[] content, string contentType, DateTimeOffset finishedAt, Behaviour behaviour) =>
        new(content, content.Length, contentType, finishedAt, behaviour);

    /// <summary>The header of a 'free' box with a 64-bit size (ISO/IEC 14496-12, 8.1.2); its zeros are generated while sending.</summary>
    private static byte[] FreeBox(long size)
    {
        var header = new byte[FreeBoxHeader];
        BinaryPrimitives.WriteUInt32BigEndian(header, 1);
        "free"u8.CopyTo(header.AsSpan(4));
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(8), size);
        return header;
    }
}

/// <summary>
/// Sends a file, or the part named by Range, with the faults of the behaviour. The file is its start, then zeros up to its length.
/// </summary>
internal sealed record FileAnswer(byte[] Start, long Length, string ContentType, DateTimeOffset ModifiedAt, Behaviour Behaviour) : IResult
{
    private static readonly byte[] Zeros = new byte[64 * 1024];

    /// <summary>The number of bytes sent before the connection closes; null for all.</summary>
    public int? BreaksOffAfter { get; init; }

    /// <summary>The same answer with one more fault.</summary>
    public FileAnswer Spoilt(FaultKind kind, Behaviour behaviour) => kind switch
    {
        FaultKind.WrongLength => this with { Behaviour = Behaviour with { FileLength = FileLength.TooLong } },
        FaultKind.Halved => this with { Behaviour = Behaviour with { FileLength = FileLength.Half } },
        _ => this with { BreaksOffAfter = Math.Max(1, behaviour.TruncatesAfter) },
    };

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var total = Behaviour.FileLength == FileLength.Half ? Length / 2 : Length;
        var tag = $"\"{ModifiedAt.UtcTicks:x}-{total:x}\"";
        response.ContentType = ContentType;
        response.Headers.ETag = tag;
        response.Headers.LastModified = ModifiedAt.ToString("R", CultureInfo.InvariantCulture);
        if (!Behaviour.IgnoresRange) response.Headers.AcceptRanges = "bytes";

        var (from, to) = (0L, total);
        if (!Behaviour.IgnoresRange && WantedRange(httpContext.Request, tag, ModifiedAt) is { } range)
        {
            (from, to) = range.From is { } first
                ? (first, Math.Min(total, range.To + 1 ?? total))
                : (Math.Max(0, total - range.To ?? 0), total);
            if (from >= to)
            {
                response.StatusCode = 416;
                response.Headers.ContentRange = $"bytes */{total}";
                return;
            }
            response.StatusCode = 206;
            response.Headers.ContentRange = $"bytes {from}-{to - 1}/{total}";
        }

        response.ContentLength = Behaviour.FileLength switch
        {
            FileLength.Missing => null,
            FileLength.TooLong => to - from + 1000,
            _ => to - from,
        };
        if (HttpMethods.IsHead(httpContext.Request.Method)) return;
        await Send(response.Body, from, Math.Min(to, from + BreaksOffAfter ?? to), httpContext.RequestAborted);
        // Only an exception makes the server close the connection after the bytes written so far, before the end.
        if (BreaksOffAfter < to - from) throw new IOException("The download breaks off, as it was told to.");
    }

    private async Task Send(Stream body, long from, long to, CancellationToken cancelled)
    {
        if (from < Start.Length) await body.WriteAsync(Start.AsMemory((int)from..(int)Math.Min(to, Start.Length)), cancelled);
        for (from = Math.Max(from, Start.Length); from < to; from += Zeros.Length)
            await body.WriteAsync(Zeros.AsMemory(..(int)Math.Min(Zeros.Length, to - from)), cancelled);
    }

    private static RangeItemHeaderValue? WantedRange(HttpRequest request, string tag, DateTimeOffset modifiedAt)
    {
        var headers = request.GetTypedHeaders();
        if (headers.Range is not { Ranges.Count: 1 } range || range.Unit != "bytes") return null;
        var same = headers.IfRange is not { } condition
            || (condition.EntityTag is { } wanted ? wanted.Tag == tag : condition.LastModified >= modifiedAt.AddSeconds(-1));
        return same ? range.Ranges.First() : null;
    }
}
