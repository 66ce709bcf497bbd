// Configurations of nginx: the one that docs/deploy.md recommends, and what nginx does without any.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const page = new URL("../../docs/deploy.md", import.meta.url);

/** More than an nginx of a test ever has; two for each stream. */
const mostConnections = 8192;

function recommended() {
  const block = /<!-- snippet: nginx -->\n```nginx\n([\s\S]*?)```/.exec(readFileSync(page, "utf8"));
  if (!block) throw new Error("docs/deploy.md has no snippet named nginx");
  return block[1];
}

/** As Debian's `sites-enabled/default` would have it, with nothing but where to pass requests on to. */
const bare = `upstream app {
    server 127.0.0.1:3001;
}
server {
    listen 8080;
    location / {
        proxy_pass http://app;
    }
}
`;

/** A whole configuration, for an nginx that anybody can start: with its files in `home`. */
export function configOf({ which, port, ports, home }) {
  const site = which === "recommended" ? recommended() : bare;
  const servers = (_, parameters) =>
    ports.map((each) => `    server 127.0.0.1:${each}${parameters};\n`).join("");
  const filled = site
    .replace(/(?: *server 127\.0\.0\.1:\d+([^;]*);\n)+/, servers)
    .replace(/listen \d+;/, `listen 127.0.0.1:${port};`);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `daemon off;
master_process off;
worker_rlimit_nofile ${2 * mostConnections};
pid ${join(home, "nginx.pid")};
events { worker_connections ${mostConnections}; }
http {
    access_log off;
    ${paths.map((name) => `${name}_temp_path ${join(home, name)};`).join("\n    ")}
${filled}}
`;
}
