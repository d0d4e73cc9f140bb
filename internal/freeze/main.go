// SPDX-License-Identifier: Apache-2.0

// Command freeze checks that training still gives what it gave at one commit, [base], before the packages were laid out
// anew. It runs the command parallax as a child process, with every method and every important switch, and compares the
// exported encoder, the last checkpoint's tensors, the metrics and the configuration with testdata/golden.
// scripts/golden calls it.
//
//	freeze [CASE...]                compare today's command; a method's name stands for all its cases
//	freeze -against PATH [CASE...]  compare with another build of the command and the engine library beside it
//	freeze -record [CASE...]        write the record for this processor
//	freeze -words [CASE...]         rewrite the texts of the events; all else must be equal
//	freeze -texts                   rewrite testdata/golden/texts: help, lists and the errors for mistakes
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "freeze:", err)
		os.Exit(1)
	}
}

func run() error {
	program := flag.String("parallax", "", "the command to run; default: build it")
	other := flag.String("against", "", "another build of the command to compare with, instead of the record")
	record := flag.Bool("record", false, "write the record")
	words := flag.Bool("words", false, "rewrite the texts of the record's events")
	texts := flag.Bool("texts", false, "rewrite the texts of help, lists and mistakes, and run nothing else")
	jobs := flag.Int("jobs", runtime.NumCPU(), "runs at a time")
	as := flag.String("as", "", "make the engine treat the processor as one with fewer features: AVX2")
	flag.Parse()
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	chosen, err := choose(flag.Args())
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "freeze")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if *program == "" {
		*program = filepath.Join(dir, "parallax")
		if err := build(root, *program); err != nil {
			return err
		}
	}
	c := command{path: *program, env: environment(root, *as)}
	if c.path, err = filepath.Abs(c.path); err != nil {
		return err
	}
	if *texts {
		return c.writeTexts(root, filepath.Join(dir, "texts"))
	}
	got, err := c.runAll(chosen, filepath.Join(dir, "runs"), *jobs)
	if err != nil {
		return err
	}
	if *other != "" {
		o := command{path: *other, env: c.env}
		if o.path, err = filepath.Abs(o.path); err != nil {
			return err
		}
		if beside := filepath.Join(filepath.Dir(o.path), filepath.Base(library(root))); isFile(beside) {
			o.env = append(slices.Clone(c.env), "PARALLAX_SHIM="+beside)
		}
		want, err := o.runAll(chosen, filepath.Join(dir, "other"), *jobs)
		if err != nil {
			return err
		}
		return say(differences(want.Runs, got.Runs), len(chosen), *other)
	}
	file := recordFile(root, got.Capability)
	if *record || *words {
		return got.write(root, *words)
	}
	verdict, err := compare(root, c, got, chosen, dir, *jobs)
	if err != nil {
		return fmt.Errorf("comparing with %s: %w", filepath.Base(file), err)
	}
	for _, note := range verdict.notes {
		fmt.Println(note)
	}
	return say(verdict.lines, len(chosen), verdict.with)
}

// say prints the differences, or that there are none.
func say(lines []string, cases int, with string) error {
	if len(lines) == 0 {
		fmt.Printf("%d runs equal those of %s\n", cases, with)
		return nil
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	return fmt.Errorf("%d differences from %s", len(lines), with)
}

// moduleRoot returns the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module's root: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// build compiles the command of the module in a folder.
func build(root, to string) error {
	c := exec.Command("go", "build", "-o", to, "./cmd/parallax")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the command in %s: %w\n%s", root, err, out)
	}
	return nil
}

// environment is the environment of the runs: one thread, and the engine library of this tree unless PARALLAX_SHIM
// names another. With as, the processor looks like one with fewer features. oneDNN and MKL choose their own kernels.
func environment(root, as string) []string {
	env := append(os.Environ(), "OMP_NUM_THREADS=1")
	if os.Getenv("PARALLAX_SHIM") == "" {
		env = append(env, "PARALLAX_SHIM="+library(root))
	}
	if as != "" {
		env = append(env, "ATEN_CPU_CAPABILITY="+strings.ToLower(as), "ONEDNN_MAX_CPU_ISA="+as,
			"MKL_ENABLE_INSTRUCTIONS="+as)
	}
	return env
}

// library is the path of the engine library that make shim builds.
func library(root string) string {
	extension := ".so"
	if runtime.GOOS == "darwin" {
		extension = ".dylib"
	}
	return filepath.Join(root, "bin", "libparallax_shim"+extension)
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
