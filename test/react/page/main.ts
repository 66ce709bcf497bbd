import { Rig } from "./rig.ts";
import { scenarios } from "./scenarios.ts";

Object.assign(globalThis, { rig: new Rig(scenarios) });
