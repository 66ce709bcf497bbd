import type { ToolCallPart, ToolCallStartPart, ToolResultPart } from "../parts.js";
import type { ItemSink, OpenItem, Place } from "./responses-item.js";
import type { Envelope } from "./wire-event.js";

/** A call of one of the application's tools: a function, or a custom tool. */
export class ToolItem implements OpenItem {
  readonly place: Place;
  readonly #sink: ItemSink;
  readonly #call: ToolCallStartPart;
  readonly #envelope: Envelope;
  readonly #event: string;
  #arguments = "";

  constructor(sink: ItemSink, place: Place, call: ToolCallStartPart) {
    this.#sink = sink;
    this.place = place;
    this.#call = call;
    this.#event = call.custom ? "custom_tool_call_input" : "function_call_arguments";
    this.#envelope = sink.envelope(`response.${this.#event}.delta`, place);
    const item = this.#item("in_progress");
    sink.emit("response.output_item.added", { output_index: place.output_index, item });
  }

  add(delta: string): void {
    this.#arguments += delta;
    this.#sink.delta(this.#envelope, delta);
  }

  end(status: "completed" | "incomplete"): object {
    const { name, custom } = this.#call;
    const whole = custom ? { input: this.#arguments } : { name, arguments: this.#arguments };
    // A call that broke off is not there to be run.
    if (status === "completed") {
      this.#sink.emit(`response.${this.#event}.done`, { ...this.place, ...whole });
    }
    return this.#item(status);
  }

  #item(status: string): object {
    const { id: call_id, name, custom } = this.#call;
    const item = { id: this.place.item_id, call_id, name, status };
    return custom
      ? { ...item, type: "custom_tool_call", input: this.#arguments }
      : { ...item, type: "function_call", arguments: this.#arguments };
  }
}

/** A tool that another provider ran, as one that an MCP server ran: nobody else may run it. */
export function providerCall(call: ToolCallPart, result?: ToolResultPart): object {
  const text = typeof result?.result === "string" ? result.result : JSON.stringify(result?.result);
  return {
    id: call.id,
    type: "mcp_call",
    status: result === undefined ? "incomplete" : result.isError ? "failed" : "completed",
    server_label: "provider",
    name: call.name,
    arguments: call.arguments,
    output: result?.isError ? null : (text ?? null),
    error: result?.isError ? (text ?? "failed") : null,
  };
}

/** An item as it is announced: without what is known, and long, at its end only. */
export function brief(item: object): object {
  const { result, results, output, outputs, error, ...known } = item as Record<string, unknown>;
  return { ...known, status: "in_progress" };
}
