// Checks rules of structure that no compiler checks. Imports must not be circular. Two public types
// of the crate must not have the same name. No function may be named `take`, `tell` or `attend`.
//
// Usage: node tools/structure.ts. Prints each violation, and exits with 1.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

type Graph = Map<string, Set<string>>;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => existsSync(file));
const rust = files.filter((file) => /^src\/.*\.rs$/.test(file));
const typescript = files.filter((file) => /\.(ts|tsx)$/.test(file));

const crate = rustImports(rust);
const scripts = typescriptImports(typescript);
const client = new Map([...scripts].filter(([file]) => file.startsWith("client/src/")));

const violations = [
  ...circles("src", crate),
  ...circles(
    "src",
    byFolder(crate, (file) => file.split("/")[1]!.replace(/\.rs$/, "")),
  ),
  ...circles("TypeScript", scripts),
  ...circles(
    "client/src",
    byFolder(client, (file) => (dirname(file) === "client/src" ? file : dirname(file))),
  ),
  ...publicTypes(),
  ...methods(),
];
for (const violation of violations) console.error(violation);
process.exitCode = violations.length > 0 ? 1 : 0;

/**
 * Maps each module to its imports from other modules of the crate. Ignores a test module at the end
 * of a file.
 */
function rustImports(sources: string[]): Graph {
  const modules = new Map(
    sources.map((file) => [
      file
        .slice(4, -3)
        .replace(/\/mod$/, "")
        .replaceAll("/", "::"),
      file,
    ]),
  );
  const resolve = (path: string[]): string | undefined => {
    const module = path
      .map((_, end) => path.slice(0, path.length - end).join("::"))
      .find((name) => modules.has(name));
    return module === undefined ? undefined : modules.get(module);
  };
  const graph: Graph = new Map();
  for (const [module, file] of modules) {
    const text = code(file);
    const imports = new Set<string>();
    for (const [, path, items] of text.matchAll(
      /\b((?:crate|super|self)(?:::\w+)*)(?:::\{([^}]*)\})?/g,
    )) {
      const [start, ...names] = path!.split("::");
      const supers = names.filter((name) => name === "super").length;
      const base =
        start === "crate"
          ? []
          : start === "self"
            ? module.split("::")
            : module.split("::").slice(0, -1 - supers);
      const rest = names.filter((name) => name !== "super");
      for (const item of items?.split(",") ?? [""]) {
        const imported = resolve(
          [...base, ...rest, item.trim().split(" ")[0]!].filter((name) => name !== ""),
        );
        if (imported !== undefined && imported !== file) imports.add(imported);
      }
    }
    graph.set(file, imports);
  }
  return graph;
}

/**
 * Maps each file to its static imports, including imports of types. Dynamic imports are ignored,
 * because they are loaded later.
 */
function typescriptImports(sources: string[]): Graph {
  const graph: Graph = new Map();
  for (const file of sources) {
    const imports = new Set<string>();
    for (const [, path] of code(file).matchAll(
      /^(?:import|export)\b(?:[^;=]*?\bfrom)?\s*["'](\.[^"']+)["']/gm,
    )) {
      const target = join(dirname(file), path!).replace(/\.js$/, "");
      const found = [target, `${target}.ts`, `${target}.tsx`].find((name) =>
        sources.includes(name),
      );
      if (found !== undefined && found !== file) imports.add(found);
    }
    graph.set(file, imports);
  }
  return graph;
}

/** Maps each group of files to the groups that it imports. */
function byFolder(graph: Graph, group: (file: string) => string): Graph {
  const groups: Graph = new Map();
  for (const [file, imports] of graph) {
    const from = group(file);
    const to = groups.get(from) ?? new Set();
    for (const imported of imports) if (group(imported) !== from) to.add(group(imported));
    groups.set(from, to);
  }
  return groups;
}

/** Finds circles with Tarjan's algorithm: strongly connected components of more than one node. */
function circles(name: string, graph: Graph): string[] {
  const found: string[] = [];
  const index = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    lowest.set(node, index.get(node)!);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
    }
    if (lowest.get(node) !== index.get(node)) return;
    const component = stack.splice(stack.indexOf(node));
    if (component.length > 1)
      found.push(`circular imports in ${name}: ${component.sort().join(", ")}`);
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

function publicTypes(): string[] {
  const definedIn = new Map<string, string[]>();
  for (const file of rust) {
    for (const [, name] of code(file).matchAll(/^pub (?:struct|enum|trait|type) (\w+)/gm)) {
      definedIn.set(name!, [...(definedIn.get(name!) ?? []), file]);
    }
  }
  const twice = [...definedIn].filter(([, places]) => places.length > 1);
  return twice.map(([name, places]) => `two public types named ${name}: ${places.join(", ")}`);
}

function methods(): string[] {
  return [...rust, ...typescript, ...files.filter((file) => /^tests\/.*\.rs$/.test(file))].flatMap(
    (file) =>
      [
        ...readFileSync(file, "utf8").matchAll(
          /^\s*(?:[\w()]+ )*(?:fn |function |async )?(take|tell|attend)\b[(<]/gm,
        ),
      ]
        .filter(([definition]) =>
          file.endsWith(".rs") ? / ?fn /.test(definition) : !/return|await|=/.test(definition),
        )
        .map(
          ([, name]) =>
            `${file}: a function is named ${name}: choose a name that says what it does`,
        ),
  );
}

/** Returns a file's text without its comments and, in Rust, without the test module at its end. */
function code(file: string): string {
  const text = readFileSync(file, "utf8").replace(/^\s*\/\/.*$/gm, "");
  return file.endsWith(".rs") ? text.split("\n#[cfg(test)]\nmod tests {")[0]! : text;
}
