// Runs pytest inside Pyodide, whose Python is newer than those that the tests find on most machines: `nox -s pyodide`.
// Arguments: the repository, the folder with installed pure-Python packages, then pytest's own.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";
import process from "node:process";

const [repository, packages, ...argumentsOfPytest] = process.argv.slice(2);
const module = createRequire(path.join(packages, "here.js")).resolve("pyodide");
const { loadPyodide } = await import(pathToFileURL(module.replace(/pyodide\.js$/, "pyodide.mjs")));
const python = await loadPyodide({ stdout: console.log, stderr: console.error, env: { HOME: "/tmp" } });

python.mountNodeFS("/repository", repository);
python.mountNodeFS("/packages", packages);
python.globals.set("arguments", python.toPy(argumentsOfPytest));
process.exitCode = python.runPython(`
import os, sys

sys.dont_write_bytecode = True
sys.path[:0] = ["/repository/src", "/packages", "/repository"]
os.chdir("/repository")
import pytest

int(pytest.main(list(arguments)))
`);
