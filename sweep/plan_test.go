// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for list, want := range map[string][]string{
		"1": {"1"}, "1,2": {"1", "2"}, "[1, 2],[3]": {"[1, 2]", "[3]"},
		"{p: 1, q: [2, 3]}, 0": {"{p: 1, q: [2, 3]}", "0"},
		"":                     {""}, "a,": {"a", ""}, "],x": {"]", "x"},
	} {
		if got := Split(list); !slices.Equal(got, want) {
			t.Errorf("Split(%q) = %q, want %q", list, got, want)
		}
	}
}

func example() *Plan {
	p := &Plan{Methods: []string{"simsiam", "byol"}, Seeds: Seeds(2), Data: "photos"}
	p.Put("optim.base_rate", "0.1", "0.2")
	p.Put("train.batch", "64")
	return p
}

// The order is that of the help: all groups under the first seed come first.
func TestCells(t *testing.T) {
	var names []string
	for _, c := range example().Cells() {
		names = append(names, c.Name)
	}
	want := []string{"simsiam-seed1-base_rate=0.1", "simsiam-seed1-base_rate=0.2", "byol-seed1-base_rate=0.1",
		"byol-seed1-base_rate=0.2", "simsiam-seed2-base_rate=0.1", "simsiam-seed2-base_rate=0.2",
		"byol-seed2-base_rate=0.1", "byol-seed2-base_rate=0.2"}
	if !slices.Equal(names, want) {
		t.Errorf("names %q", names)
	}
	p := example()
	args := strings.Join(p.Args(p.Cells()[1], "out", "", 1), " ")
	if want := "pretrain --data photos --method simsiam --seed 1 --threads 1 --set train.batch=64 " +
		"--set optim.base_rate=0.2 --out out"; args != want {
		t.Errorf("arguments %s", args)
	}
	p.Put("train.threads", "3")
	all := p.Args(p.Cells()[0], "out", "c", 1)
	if slices.Contains(all, "--threads") || !slices.Contains(all, "train.threads=3") {
		t.Errorf("arguments %q", all)
	}
	q := example()
	q.Config = "train: {threads: 4}\n"
	if q.threads(q.Cells()[0]) != 4 || q.threads(Cell{Set: []Setting{{"train.threads", "5"}}}) != 5 {
		t.Error("threads of the config file, and of an axis")
	}
	p.Put("backbone.name", "resnet18", "resnet50")
	p.Put("optim.name", "sgd", "lars")
	if c := p.Cells()[0]; c.Name != "simsiam-seed1-base_rate=0.1-backbone=resnet18-optim=sgd" ||
		p.Label(c) != "simsiam, base_rate 0.1, backbone resnet18, optim sgd" {
		t.Errorf("%q, %q", c.Name, p.Label(c))
	}
	p.Put("backbone.name", "resnet18")
	p.Put("optim.name", "sgd")
	p.Put("optim.base_rate", "0.5")
	p.Put("train.batch", "1", "2")
	if len(p.Grid) != 1 || p.Grid[0].Path != "train.batch" || p.given("optim.base_rate") != "0.5" {
		t.Errorf("%+v", p)
	}
}

// Names of hostile and of colliding cells are safe names of files, different in more than case, short, and the same at
// every call.
func TestNames(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "A", "/", "..", "\x00", "é", " ", "-", "=", "-seed1", "\u202e", "\n", "x=1",
		strings.Repeat("y", 70), "_", "."}
	word := func() (s string) {
		for range 1 + rng.IntN(3) {
			s += pieces[rng.IntN(len(pieces))]
		}
		return s
	}
	for range 300 {
		p := &Plan{Data: "d", Seeds: Seeds(2)}
		for range 1 + rng.IntN(4) {
			p.Methods = append(p.Methods, word())
		}
		for range rng.IntN(3) {
			p.Grid = append(p.Grid, Axis{word() + "." + word(), []string{word(), word(), word()}})
		}
		if p.Check() != nil {
			continue // something is there twice
		}
		cells := p.Cells()
		if len(cells) == 0 || !reflect.DeepEqual(cells, p.Cells()) {
			t.Fatalf("%+v: two calls differ", p)
		}
		seen := map[string]bool{}
		for _, c := range cells {
			folded := strings.ToLower(c.Name)
			if seen[folded] {
				t.Fatalf("%+v: two runs are named %q", p, c.Name)
			}
			seen[folded] = true
			if c.Name == "" || len(c.Name) > longestName || !filepath.IsLocal(c.Name) ||
				c.Name[0] == '-' || c.Name[0] == '.' || strings.ContainsAny(c.Name, "/\\:*?\"<>| \x00\n") {
				t.Fatalf("the name %q", c.Name)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	if err := example().Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(p *Plan){
		"needs images":            func(p *Plan) { p.Data = "" },
		"at least one method":     func(p *Plan) { p.Methods = nil },
		"method byol is given":    func(p *Plan) { p.Methods = append(p.Methods, "byol") },
		"at least one seed":       func(p *Plan) { p.Seeds = nil },
		"seed 1 is given":         func(p *Plan) { p.Seeds = append(p.Seeds, 1) },
		"value 0.1 twice":         func(p *Plan) { p.Put("optim.base_rate", "0.1", "0.1") },
		"give seeds":              func(p *Plan) { p.Put("seed", "3") },
		"give methods":            func(p *Plan) { p.Put("method.name", "a", "b") },
		"no name":                 func(p *Plan) { p.Put("", "a") },
		"two lengths":             func(p *Plan) { p.Minutes = 1; p.Put("train.epochs", "3") },
		"-1 minutes":              func(p *Plan) { p.Minutes = -1 },
		"train.batch is given":    func(p *Plan) { p.Grid = append(p.Grid, Axis{"train.batch", []string{"1", "2"}}) },
		"more than 10000 runs":    func(p *Plan) { p.Seeds = Seeds(5000) },
		"optim.base_rate has no ": func(p *Plan) { p.Grid[0].Values = nil },
	} {
		p := example()
		spoil(p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A plan is read as it was written, and every difference of two plans is named.
func TestPlanFile(t *testing.T) {
	p := example()
	p.Data, p.Probes, p.Minutes, p.Config, p.Preset = "caf\xe9", []string{"\xff"}, 0.5, "a: b\n", "lab"
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var q Plan
	if err := json.Unmarshal(text, &q); err != nil || !reflect.DeepEqual(p, &q) || q.Differs(p) != "" {
		t.Fatalf("%v, %s: %+v", err, text, q)
	}
	for want, change := range map[string]func(p *Plan){
		"methods simsiam, byol instead of byol": func(p *Plan) { p.Methods = p.Methods[1:] },
		"seeds 1 2 instead of 1 2 3":            func(p *Plan) { p.Seeds = Seeds(3) },
		"a grid of optim.base_rate=0.1,0.2":     func(p *Plan) { p.Grid = nil },
		"instead of other":                      func(p *Plan) { p.Data = "other" },
		"probes":                                func(p *Plan) { p.Probes = nil },
		"preset lab instead of none":            func(p *Plan) { p.Preset = "" },
		"minutes 0.5 instead of 0":              func(p *Plan) { p.Minutes = 0 },
		"settings train.batch=64 instead of":    func(p *Plan) { p.Put("train.batch", "65") },
		"config file":                           func(p *Plan) { p.Config = "c" },
	} {
		var other Plan
		if err := json.Unmarshal(text, &other); err != nil {
			t.Fatal(err)
		}
		change(&other)
		if got := p.Differs(&other); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRead(t *testing.T) {
	p, config, err := Read([]byte(`
methods: [simsiam, byol]
seeds: [3, 5]
data: photos
preset: lab
config: base.yaml
steps: 100
probes: other
grid:
  optim.base_rate: [0.03, 0.06]
  augment.color_jitter: [{p: 0, brightness: [0, 1]}, {p: 0.5}]
set:
  method.projector.widths: [512, 128]   # a comment
  train.batch: 64
`), "plan.yaml")
	if err != nil || config != "base.yaml" {
		t.Fatalf("%q, %v", config, err)
	}
	want := &Plan{Methods: []string{"simsiam", "byol"}, Seeds: []uint64{3, 5}, Data: "photos", Preset: "lab",
		Probes: []string{"other"}, Grid: []Axis{{"optim.base_rate", []string{"0.03", "0.06"}},
			{"augment.color_jitter", []string{"{p: 0, brightness: [0, 1]}", "{p: 0.5}"}}},
		Set: []Setting{{"train.max_steps", "100"}, {"method.projector.widths", "[512, 128]"}, {"train.batch", "64"}}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("%+v, want %+v", p, want)
	}
	for text, want := range map[string]string{
		"":                                       "plan.yaml is empty",
		"- a":                                    "plan.yaml:1: a sweep is a mapping",
		"data: x\nmethod: a":                     `plan.yaml:2: unknown key "method": did you mean methods?`,
		"data: x\ndata: y":                       "plan.yaml:2: data is given twice",
		"seeds: 0":                               "plan.yaml:1: seeds is a number from 1 to",
		"seeds: [1, x]":                          `plan.yaml:1: a seed is a whole number, 0 or more, and this is "x"`,
		"minutes: soon":                          "plan.yaml:1: minutes is",
		"grid:\n  a.b: 3":                        "plan.yaml:2: a.b: a grid has a list of values",
		"grid:\n  a.b: [1]\nset:\n  a.b: 3":      "plan.yaml:4: a.b is given twice",
		"set: 3":                                 "plan.yaml:1: set is a mapping of settings",
		"data: {a: b}":                           "plan.yaml:1: data is one value",
		"data: [":                                "reading plan.yaml",
		"data: x\n---\ndata: y":                  "something follows the first document",
		"set:\n  a.b: &x 1\n  a.c: *x":           "plan.yaml:3: aliases (*x) are not read",
		"set:\n  \"\\e[2J\": 1\n  \"\\e[2J\": 2": `plan.yaml:3: "\x1b[2J" is given twice`,
	} {
		if _, _, err := Read([]byte(text), "plan.yaml"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A file is read or refused in one line, and what was read makes a plan with names.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"methods: [a, b]\nseeds: 2\ndata: x\ngrid: {a.b: [1, [2, 3]]}\nset: {c.d: {e: f}}",
		"set: {a: &x [*x]}",
		"grid: {a: [&x [1], *x]}", "? [a]\n: b", "seeds: [1, 2]\nminutes: .inf"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, _, err := Read(text, "plan.yaml")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error %q", err)
			}
			return
		}
		if p.Check() != nil {
			return
		}
		if cells := p.Cells(); len(cells) == 0 {
			t.Errorf("no runs of %q", text)
		}
	})
}

// Runs of one thread go side by side. Runs of equal minutes have equal conditions: no round is smaller than another.
func TestAtATime(t *testing.T) {
	for _, c := range []struct {
		left, cores, gigabytes int
		minutes                float64
		set                    string
		want                   int
	}{
		{8, 4, 64, 0, "", 4}, {3, 4, 64, 0, "", 3}, {8, 4, 5, 0, "", 2}, {8, 4, 1, 0, "", 1},
		{8, 4, 64, 0, "train.threads=2", 2},
		{8, 4, 64, 0, "train.memory=32GiB", 2}, {9, 4, 64, 1, "", 3}, {7, 4, 64, 1, "", 1},
		{8, 4, 64, 1, "", 4}, {0, 4, 64, 1, "", 1},
	} {
		s := Sweep{Plan: &Plan{Minutes: c.minutes}, Cores: c.cores, Memory: uint64(c.gigabytes) << 30}
		if path, value, has := strings.Cut(c.set, "="); has {
			s.Plan.Put(path, value)
		}
		if got := s.AtATime(c.left); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if got := (&Sweep{Plan: &Plan{}, Jobs: 7, Cores: 1}).AtATime(3); got != 7 {
		t.Errorf("--jobs 7: %d", got)
	}
}
