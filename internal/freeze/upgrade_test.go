// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A folder with copies of testdata/upgrade, which an earlier version wrote, and the command to use on them.
type workplace struct {
	*testing.T
	command
	dir   string
	facts map[string]string // output of doctor
}

// upgraded copies runs of testdata/upgrade. With another libtorch or other kernels a run would rightly not resume,
// since its sums would change in the middle. This tests whether the files are understood, so the copies claim to come
// from this machine.
func upgraded(t *testing.T, names ...string) workplace {
	t.Helper()
	root, c := now(t)
	w := workplace{T: t, command: c, dir: t.TempDir(), facts: map[string]string{}}
	if err := json.Unmarshal([]byte(w.does(0, "doctor", "--json")), &w.facts); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		from := os.DirFS(filepath.Join(root, "testdata", "upgrade", name))
		if err := os.CopyFS(filepath.Join(w.dir, name), from); err != nil {
			t.Fatal(err)
		}
		configs, err := filepath.Glob(filepath.Join(w.dir, name, "config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		stages, err := filepath.Glob(filepath.Join(w.dir, name, "*", "config.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, config := range append(configs, stages...) {
			w.replace(config, `(?m)^  cpu: \S+`, "  cpu: "+w.facts["cpu capability"])
			w.replace(config, `(?m)^  version: "[^"]*"`, "  version: "+strconv.Quote(w.facts["libtorch"]))
		}
	}
	return w
}

// replace replaces matches in a file.
func (w workplace) replace(file, pattern, by string) {
	w.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		w.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	if !re.Match(text) {
		w.Fatalf("%s has nothing like %s", file, pattern)
	}
	if err := os.WriteFile(file, re.ReplaceAllLiteral(text, []byte(by)), 0o666); err != nil {
		w.Fatal(err)
	}
}

// does runs parallax, expects an exit status, and returns the output.
func (w workplace) does(status int, arguments ...string) string {
	w.Helper()
	child := exec.Command(w.path, arguments...)
	child.Dir, child.Env = w.dir, w.env
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	err := child.Run()
	if child.ProcessState == nil || child.ProcessState.ExitCode() != status {
		w.Fatalf("parallax %s: %v\n%s%s", strings.Join(arguments, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// says fails the test unless a line of the text matches.
func (w workplace) says(text, pattern string) {
	w.Helper()
	if !regexp.MustCompile(`(?m)` + pattern).MatchString(text) {
		w.Errorf("no line matches %s:\n%s", pattern, text)
	}
}

// recordedHere reports whether testdata/upgrade was written on a machine like this one, so that bits must be equal.
func recordedHere(t *testing.T, facts map[string]string) bool {
	t.Helper()
	root, c := now(t)
	var r record
	if err := readJSON(recordFile(root, "AVX512"), &r); err != nil {
		t.Fatal(err)
	}
	return facts["cpu capability"] == "AVX512" && facts["libtorch"] == r.Libtorch &&
		slices.Contains(r.Machines, c.machine())
}

// A run that an earlier version left interrupted resumes to its end, as if it had never stopped.
func TestUpgradeResumesInterrupted(t *testing.T) {
	w := upgraded(t, "mocov2")
	// It has no JPEG images, so a decoder that this machine may lack does not matter.
	w.replace(filepath.Join(w.dir, "mocov2", "config.yaml"), `(?m)^  decoder: "[^"]*"`,
		`  decoder: "libturbojpeg 2.1.5"`)
	said := w.does(0, "pretrain", "--resume", "mocov2")
	w.says(said, `^resumed after step 10$`)
	w.says(said, `^step 24/24 `)
	root, _ := now(t)
	small, err := os.ReadFile(filepath.Join(root, "testdata", "upgrade", "small.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "small.yaml"), small, 0o666); err != nil {
		t.Fatal(err)
	}
	if !recordedHere(t, w.facts) {
		t.Log("its first steps were computed by other kernels: the end is not compared with a run in one piece")
		return
	}
	w.does(0, "pretrain", "--config", "small.yaml", "--preset", "tiny-cpu", "--method", "mocov2",
		"--set", "method.projector.widths=[32,16]", "--set", "method.queue=40", "--out", "whole")
	for _, name := range []string{"encoder.safetensors", "checkpoints/step-00000024/model.safetensors",
		"checkpoints/step-00000024/optimizer.safetensors", "checkpoints/step-00000024/hooks.safetensors"} {
		have, err := hashFile(filepath.Join(w.dir, "mocov2", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := hashFile(filepath.Join(w.dir, "whole", filepath.FromSlash(name))); err != nil || have != want {
			t.Errorf("%s is not that of a run in one piece (%v)", name, err)
		}
	}
}

// A finished run says so, and resumes when it is made longer.
func TestUpgradeResumesFinished(t *testing.T) {
	w := upgraded(t, "simclr", "byol")
	w.says(w.does(0, "pretrain", "--resume", "simclr"), `^the run in simclr is finished after 24 steps: `)
	said := w.does(0, "pretrain", "--resume", "simclr", "--max-steps", "30")
	w.says(said, `^resumed after step 24$`)
	w.says(said, `^step 30/30 `)
	said = w.does(0, "pretrain", "--resume", "byol", "--epochs", "5")
	w.says(said, `^resumed after step 24$`)
	w.says(said, `^step 2[5-9]/(24|25|30) |^step 30/30 `)
}

// Its encoder is evaluated, with the numbers that the earlier version gave on such a machine.
func TestUpgradeEvaluates(t *testing.T) {
	w := upgraded(t, "simclr", "byol")
	for name, arguments := range map[string][]string{
		"knn":     {"eval", "knn", "--run", "simclr", "--json", "--threads", "1", "--workers", "1"},
		"cluster": {"eval", "cluster", "--run", "byol", "--k", "4", "--json", "--threads", "1", "--workers", "1"},
	} {
		said := w.does(0, arguments...)
		if !json.Valid([]byte(said)) {
			t.Errorf("eval %s printed no JSON:\n%s", name, said)
		}
		if !recordedHere(t, w.facts) {
			continue
		}
		root, _ := now(t)
		want, err := os.ReadFile(filepath.Join(root, "testdata", "upgrade", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if !contains(said, string(want)) { // a report may have more numbers
			t.Errorf("eval %s:\n%s", name, firstDifference(string(want), said))
		}
	}
}

// Its encoder serves a clustering, and an interrupted clustering resumes.
func TestUpgradeClusters(t *testing.T) {
	w := upgraded(t, "simclr", "clusters")
	said := w.does(0, "cluster", "--resume", "clusters")
	w.says(said, `^resumed after step 10$`)
	w.says(said, `^96 images in [1-4] clusters$`)
	if _, err := os.Stat(filepath.Join(w.dir, "clusters", "report.json")); err != nil {
		t.Error(err)
	}
	said = w.does(0, "cluster", "--run", "simclr", "--data", "synthetic:96", "--classes", "3", "--preset", "tiny-cpu",
		"--batch", "16", "--max-steps", "4", "--threads", "1", "--set", "clustering.method.neighbours=5",
		"--set", "clustering.method.heads=2", "--set", "selflabel.method.threshold=0.2", "--out", "new")
	w.says(said, `^96 images in [1-3] clusters$`)
}

// The verdicts on a laboratory of an earlier version stay the same, and its runs are found: none is run again.
func TestUpgradeReportsLaboratory(t *testing.T) {
	root, c := now(t)
	w := workplace{T: t, command: c, dir: t.TempDir()}
	upgrade := filepath.Join(root, "testdata", "upgrade")
	if err := os.CopyFS(filepath.Join(w.dir, "lab"), os.DirFS(filepath.Join(upgrade, "lab"))); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(upgrade, "findings.json"))
	if err != nil {
		t.Fatal(err)
	}
	if said := w.does(0, "lab", "report", "lab", "--json"); said != string(want) {
		t.Errorf("lab report:\n%s", firstDifference(string(want), said))
	}
	said := w.does(0, "lab", "run", "SIM-01", "CLR-04", "VIC-13", "--data", "synthetic:600", "--steps", "20", "--seeds",
		"2",
		"--longer=false", "--out", "lab", "--json")
	if said != string(want) {
		t.Errorf("lab run:\n%s", firstDifference(string(want), said))
	}
	pattern := filepath.Join("arms", "*", "seed-*", "*")
	old, err := filepath.Glob(filepath.Join(upgrade, "lab", pattern))
	if err != nil || len(old) == 0 {
		t.Fatalf("no runs in %s (%v)", upgrade, err)
	}
	left, err := filepath.Glob(filepath.Join(w.dir, "lab", pattern))
	if err != nil || len(left) != len(old) {
		t.Errorf("lab run left %d files of runs, and there were %d (%v)", len(left), len(old), err)
	}
	for _, name := range old {
		before, err := hashFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name = strings.Replace(name, upgrade, w.dir, 1)
		if after, err := hashFile(name); err != nil || after != before {
			t.Errorf("lab run changed %s (%v)", name, err)
		}
	}
}
