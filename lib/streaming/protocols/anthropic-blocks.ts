import type { AnswerFormat, SourcePart, ToolCallPart, ToolResultPart } from "../parts.js";

/** The provider's own block or citation, if the answer is Anthropic's. */
export function ownBlock(
  format: AnswerFormat | undefined,
  raw: unknown,
): { type: string } | undefined {
  const typed = typeof raw === "object" && raw !== null && "type" in raw;
  return format === "anthropic" && typed && typeof raw.type === "string"
    ? (raw as { type: string })
    : undefined;
}

/** A tool that another provider ran, as one that an MCP server ran: nobody else may run it. */
export function serverToolUse({ id, name, input, arguments: text }: ToolCallPart): object {
  const known = typeof input === "object" && input !== null && !Array.isArray(input);
  return {
    type: "mcp_tool_use",
    id,
    name,
    server_name: "provider",
    input: known ? input : { input: text },
  };
}

export function serverResult({ id, result, isError }: ToolResultPart): object {
  const text = typeof result === "string" ? result : (JSON.stringify(result) ?? "null");
  return {
    type: "mcp_tool_result",
    tool_use_id: id,
    is_error: isError === true,
    content: [{ type: "text", text }],
  };
}

/** https://platform.claude.com/docs/en/build-with-claude/citations */
export function anthropicCitation({ url, title, text = "", start, end }: SourcePart): object {
  if (url !== undefined) {
    return {
      type: "web_search_result_location",
      url,
      title: title ?? null,
      cited_text: text,
      encrypted_index: "",
    };
  }
  return {
    type: "char_location",
    cited_text: text,
    document_index: 0,
    document_title: title ?? null,
    start_char_index: start ?? 0,
    end_char_index: end ?? 0,
    file_id: null,
  };
}
