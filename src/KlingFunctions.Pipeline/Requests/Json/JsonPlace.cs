namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>
/// Where something stands in a JSON value, one step below its parent. The pointer is made only when it is asked for: a caller who nests long
/// names over very many values would otherwise have each value pay for all the names above it.
/// </summary>
internal sealed record JsonPlace(JsonPlace? Parent, string? Name, int Index)
{
    public static readonly JsonPlace Root = new(null, null, -1);

    public bool IsRoot => Parent is null;

    /// <summary>Whether it is an entry of a list.</summary>
    public bool IsItem => Index >= 0;

    public string Pointer => Parent is null ? "" : Name is null ? JsonPointer.Child(Parent.Pointer, Index) : JsonPointer.Child(Parent.Pointer, Name);

    public JsonPlace Child(string name) => new(this, name, -1);

    public JsonPlace Child(int index) => new(this, null, index);
}
