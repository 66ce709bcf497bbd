import { setImmediate as nextTurn } from "node:timers/promises";
import { describe } from "../../errors.js";
import { tellUnheard } from "../unheard.js";
import type { Generation } from "./generations.js";
import type { Run } from "./run.js";

/**
 * A run for who has started it. Whether that one waits for its end shows in `finished` being asked for.
 *
 * @param hasListener whether the application hears of all ends
 */
export function started(run: Run, hasListener: boolean): Generation {
  const { id } = run.fanout.info;
  let isHeard = hasListener;
  if (!isHeard) void tellEnd(run, () => isHeard);
  return {
    id,
    get finished() {
      isHeard = true;
      return run.finished;
    },
  };
}

async function tellEnd(run: Run, isHeard: () => boolean): Promise<void> {
  const { id, error } = await run.finished;
  // A source may have failed before who awaits the start gets at it.
  await nextTurn();
  if (!error || isHeard()) return;
  const remedy = "Pass `onFinish` to createGenerations to hear of each.";
  tellUnheard(`the source of the generation ${describe(id)}`, error, remedy);
}
