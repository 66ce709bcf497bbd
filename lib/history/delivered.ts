import { nameField } from "../encoding.js";
import type { Broadcast, Fields } from "../members.js";
import type { LogEntry } from "./log.js";

/** An event of a log as one that is broadcast. Its data is made of its text if somebody asks for it. */
export class Delivered implements Broadcast {
  readonly name: string;
  readonly id: string;
  readonly fields: Fields;
  readonly #isJson: boolean;

  constructor({ id, name, data }: LogEntry, isJson: boolean) {
    this.name = name;
    this.id = id;
    this.fields = [data, nameField(name), id];
    this.#isJson = isJson;
  }

  /** The text itself where it is not JSON. */
  get data(): unknown {
    const [text] = this.fields;
    if (!this.#isJson) return text;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
}
