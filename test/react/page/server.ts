import { createElement, type FunctionComponent } from "react";
import { renderToString } from "react-dom/server";
import { type Scenarios, scenarios } from "./scenarios.ts";

export function render<Name extends keyof Scenarios>(name: Name, props: Scenarios[Name]): string {
  return renderToString(createElement(scenarios[name] as FunctionComponent<object>, props));
}
