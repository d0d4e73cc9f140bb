// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parallax/torch"
)

// oracles is the folder of cases: $PARALLAX_ORACLES, or the committed copies.
func oracles() string {
	if dir := os.Getenv("PARALLAX_ORACLES"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "testdata", "oracles")
}

func TestOracles(t *testing.T) {
	dir := oracles()
	cases, err := Cases(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Error("the manifest has no case")
	}
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			result := c.Run(dir)
			if result.Skip != "" {
				t.Skip(result.Skip)
			}
			if result.Err != nil {
				t.Error(result.Err)
			}
		})
	}
}

// TestEveryRunnerCanFail moves what each case expects by more than it allows: a runner that still passes checks nothing.
func TestEveryRunnerCanFail(t *testing.T) {
	dir := oracles()
	cases, err := Cases(dir)
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, c := range cases {
		if runners[c.Kind] == nil || tried[c.Kind] && c.Kind != "optimizer" {
			continue
		}
		if err := c.load(dir); err != nil {
			t.Fatal(err)
		}
		for name, expected := range c.tensors {
			if strings.HasPrefix(name, "in.") || expected.DType != "F64" {
				continue
			}
			err := torch.Scope(func() error {
				shifted := expected
				v := c.tensor(name)
				shifted.Data = v.Add(v.Abs().Scale(0.1)).Shift(0.25).Bytes()
				c.tensors[name] = shifted
				defer func() { c.tensors[name] = expected }()
				return runners[c.Kind](c)
			})
			if _, skipped := err.(skip); skipped {
				break
			}
			tried[c.Kind] = true
			if err == nil {
				t.Errorf("%s passes with every value v of %s replaced by v + 0.1 |v| + 0.25", c.ID, name)
			}
		}
	}
	for kind := range runners {
		if !tried[kind] {
			t.Logf("no case of kind %q could be tried", kind)
		}
	}
}

func TestWhatIsNotKnownIsSkippedByName(t *testing.T) {
	for want, c := range map[string]*Case{
		`kind "teleport"`:      {Kind: "teleport"},
		`method "telepathy"`:   {Kind: "loss", Params: map[string]any{"method": "telepathy"}, File: "schedule_warmup_cosine.safetensors"},
		`backbone "vit_giant"`: {Kind: "backbone", Params: map[string]any{"arch": "vit_giant"}, File: "schedule_warmup_cosine.safetensors"},
		`optimiser "lion"`:     {Kind: "optimizer", Params: map[string]any{"name": "lion"}, File: "schedule_warmup_cosine.safetensors"},
	} {
		if r := c.Run(filepath.Join("..", "..", "testdata", "oracles")); r.Err != nil || !strings.Contains(r.Skip, want) {
			t.Errorf("%+v: want it skipped for %s", r, want)
		}
	}
}

func TestABrokenCaseFails(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "oracles")
	for want, c := range map[string]*Case{
		"no such file":        {Kind: "schedule", File: "none.safetensors"},
		`no tensor "in.w9"`:   {Kind: "schedule", File: "schedule_warmup_cosine.safetensors", Params: map[string]any{"base": 1.0}},
		`parameter "base" is`: {Kind: "schedule", File: "schedule_warmup_cosine.safetensors", Params: map[string]any{"base": "high"}},
	} {
		run := runners[c.Kind]
		if strings.Contains(want, "in.w9") {
			run = func(c *Case) error { c.In("w9"); return nil }
		}
		err := c.load(dir)
		if err == nil {
			err = torch.Scope(func() error { return run(c) })
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %s", err, want)
		}
	}
}

func TestCompareNamesTheWorst(t *testing.T) {
	want := []float64{1, 2, -4, 0}
	for _, c := range []struct {
		got  []float64
		text string // "" passes
	}{
		{[]float64{1.01, 2.02, -4.04, 0.001}, ""},
		{[]float64{1.02, 2, -8, 0}, "2 of 4 values differ; the worst, number 2, is -8, want -4"},
		{[]float64{1, 2, -4, 0.0012}, "number 3"},
		{[]float64{1, math.NaN(), -4, 0}, "number 1, is NaN"},
		{[]float64{1, math.Inf(1), -4, 0}, "number 1, is +Inf"},
		{[]float64{1, 2}, "2 values, want 4"},
	} {
		err := compareSlices("x", c.got, want, 0.01, 0.0011)
		if (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: got %v, want %q", c.got, err, c.text)
		}
	}
	if err := compareSlices("x", []float64{math.Inf(1), math.NaN()}, []float64{math.Inf(1), 1}, 1, 1); err == nil || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("equal infinities pass and NaN fails, got %v", err)
	}
}
