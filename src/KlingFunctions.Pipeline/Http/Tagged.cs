using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace KlingFunctions.Pipeline.Http;

/// <summary>JSON with an <c>ETag</c> of its own bytes: a poll with <c>If-None-Match</c> gets 304 while nothing has changed.</summary>
internal static class Tagged
{
    // A hash of 16 bytes is enough to distinguish two answers of one address.
    private const int TagBytes = 16;

    /// <summary>200 with this value, or 304.</summary>
    public static IResult Json<T>(T value, JsonTypeInfo<T> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, type);
        return Results.Bytes(bytes, "application/json; charset=utf-8", entityTag: new($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, TagBytes))}\""));
    }
}
