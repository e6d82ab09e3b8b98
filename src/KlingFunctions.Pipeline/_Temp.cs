#pragma warning disable
namespace KlingFunctions.Pipeline.Requests { public sealed record Fault(string Pointer, string Code, string Message); public sealed record VideoRequest { public System.Text.Json.JsonElement Input {get;init;} public string? WebhookUrl {get;init;} public System.Text.Json.JsonElement? Metadata {get;init;} public string Fingerprint {get;init;}="";} }
namespace KlingFunctions.Pipeline.Storing { public sealed record StoredFile(string Name, string Kind, string ContentType, long SizeBytes, string Sha256); }
