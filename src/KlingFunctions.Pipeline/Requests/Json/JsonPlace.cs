namespace KlingFunctions.Pipeline.Requests.Json;

/// <summary>
/// A place in a JSON value, one step below its parent. The pointer is made only on demand: with long nested names over very many values,
/// each value would otherwise cost as much as all the names above it.
/// </summary>
internal sealed record JsonPlace(JsonPlace? Parent, string? Name, int Index)
{
    public static readonly JsonPlace Root = new(null, null, -1);

    public bool IsRoot => Parent is null;

    /// <summary>Whether the place is an entry of a list.</summary>
    public bool IsItem => Index >= 0;

    public string Pointer => Parent is null ? "" : Name is null ? JsonPointer.Child(Parent.Pointer, Index) : JsonPointer.Child(Parent.Pointer, Name);

    public JsonPlace Child(string name) => new(this, name, -1);

    public JsonPlace Child(int index) => new(this, null, index);
}
