#!/usr/bin/env bash
# The first day with mlv, on real data: record two runs, compare them, make the first one
# again, go back to it, and undo that. Every claim is checked; the first false one ends the
# demo with an error. Needs `mlv` with its `demo` extra and Git on the PATH.
set -euo pipefail

example=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mlv-demo.XXXXXX")

# The scratch repository has an identity of its own and none of the user's Git settings.
export GIT_AUTHOR_NAME="Demo" GIT_AUTHOR_EMAIL="demo@example.com"
export GIT_COMMITTER_NAME="Demo" GIT_COMMITTER_EMAIL="demo@example.com"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

bold="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
trap 'status=$?; [ "$status" -eq 0 ] || printf "FAILED with exit code %d; see %s\n" "$status" "$scratch" >&2' EXIT

say() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }

run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

# Print digest and path of every file that a person sees in the repository.
worktree_digests() {
    find . \( -name .git -o -name .mlv \) -prune -o -type f -print | LC_ALL=C sort |
        while read -r file; do printf '%s %s\n' "$(git hash-object --no-filters "$file")" "$file"; done
}

must_equal() { # DESCRIPTION EXPECTED ACTUAL
    if [ "$2" != "$3" ]; then
        printf 'not true: %s\nexpected:\n%s\nfound:\n%s\n' "$1" "$2" "$3" >&2
        exit 1
    fi
    printf 'checked: %s\n' "$1"
}

cd "$scratch"
say "A Git repository with a training script, its params, and 1,797 images of digits"
cp "$example"/{.gitignore,make_data.py,params.yaml,train.py} .
run "git init --quiet --initial-branch=main"
run "python make_data.py"
run "git add . && git commit --quiet --message 'Train a digits classifier'"

say "Give it a store; Git does not see it"
run "mlv init"
run "git add .gitattributes && git commit --quiet --message 'Merge pointers with mlv'"
run "git status --short"
must_equal "Git sees nothing of the store" "" "$(git status --short)"

say "Record a first run: code, data, params, environment, metrics and model, with no configuration"
run "cat params.yaml"
run "mlv run python train.py"
first=$(worktree_digests)

say "Change a hyperparameter, commit nothing, and record a second run"
run "sed -i.old 's/^learning_rate: .*/learning_rate: 0.01/' params.yaml && rm params.yaml.old"
run "mlv run python train.py"
second=$(worktree_digests)

say "List the runs"
run "mlv log"

say "What made the last one?"
run "mlv show last"

say "How do the two differ?"
run "mlv diff last~1 last"

say "Can the first one be made again, although its params were never committed?"
status=0
run "mlv reproduce last~1" || status=$?
must_equal "the reproduction exited with code 0" 0 "$status"
must_equal "the worktree is as it was" "$second" "$(worktree_digests)"

say "Go back to the first run: code, params and model together"
run "mlv rollback last~1"
must_equal "every file is as it was after the first run" "$first" "$(worktree_digests)"

say "And undo that"
run "mlv undo"
must_equal "every file is as it was after the second run" "$second" "$(worktree_digests)"

printf '\nAll checks passed. The repository is yours to look at: %s\n' "$scratch"
