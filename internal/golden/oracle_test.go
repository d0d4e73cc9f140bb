// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/torch"
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
				if os.Getenv("PARALLAX_ORACLES") == "" {
					t.Error("a committed case is skipped: ", result.Skip)
				}
				t.Skip(result.Skip)
			}
			if result.Err != nil {
				t.Error(result.Err)
			}
			if result.Note != "" && os.Getenv("PARALLAX_ORACLES") == "" {
				t.Errorf("of a committed case everything is to be compared, but: %s", result.Note)
			}
		})
	}
}

// TestEveryMethodHasALoss is that of every method that can be trained; [TestOracles] runs the cases.
func TestEveryMethodHasALoss(t *testing.T) {
	cases, err := Cases(filepath.Join("..", "..", "testdata", "oracles"))
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	for _, c := range cases {
		if c.Kind == "loss" {
			for _, name := range c.Methods() {
				covered[name] = true
			}
		}
	}
	for _, entry := range slices.Concat(method.All, method.Later) {
		if !covered[entry.Name] {
			t.Errorf("testdata/oracles has no case of kind loss for %s", entry.Name)
		}
	}
}

// TestEveryRunnerCanFail moves every expected value by more than the tolerance: a runner that still passes checks
// nothing.
func TestEveryRunnerCanFail(t *testing.T) {
	dir := oracles()
	cases, err := Cases(dir)
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, c := range cases {
		kind := fmt.Sprint(c.Kind, " ", c.Params["method"], c.Params["name"])
		if runners[c.Kind] == nil || tried[kind] || tried[c.Kind] && (c.Kind == "trajectory" || c.Kind == "backbone") {
			continue // these two take long
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
			tried[c.Kind], tried[kind] = true, true
			if err == nil && c.used[name] {
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
		if r := c.Run(filepath.Join("..", "..", "testdata", "oracles")); r.Err != nil ||
			!strings.Contains(r.Skip, want) {
			t.Errorf("%+v: want it skipped for %s", r, want)
		}
	}
}

// TestOtherCasesOfTheSameForm changes committed cases: the values that can still be compared pass, and nothing passes
// uncompared.
func TestOtherCasesOfTheSameForm(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "oracles")
	cases, err := Cases(dir)
	if err != nil {
		t.Fatal(err)
	}
	without := func(prefixes ...string) func(*Case) {
		return func(c *Case) {
			maps.DeleteFunc(c.tensors, func(name string, _ safetensors.Tensor) bool {
				return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
			})
		}
	}
	set := func(name string, value any) func(*Case) { return func(c *Case) { c.Params[name] = value } }
	unset := func(name string) func(*Case) { return func(c *Case) { delete(c.Params, name) } }
	wide := func(name string, dtype torch.DType) func(*Case) {
		return func(c *Case) {
			v := c.tensors[name]
			v.Data, v.DType = c.tensor(name).To(dtype).Bytes(), safetensors.DType(dtype.String())
			c.tensors[name] = v
		}
	}
	same := func(from, to string) func(*Case) { return func(c *Case) { c.tensors[to] = c.tensors[from] } }
	float32s := func(c *Case) {
		for name, v := range c.tensors {
			if v.DType == "F64" {
				v.DType, v.Data = "F32", torch.FromBytes(v.Data, torch.F64, v.Shape...).To(torch.F32).Bytes()
				c.tensors[name] = v
			}
		}
	}
	for _, test := range []struct {
		id     string
		change func(*Case)
		want   string // part of the error, the skip or the note; "" passes
	}{
		{"loss/simclr/views2_tau0.1", without("grad."), ""},
		{"loss/simclr/views2_tau0.1", without("grad.z1"), "gradient of z1"},
		{"loss/simclr/views2_tau0.1", without("in.z1", "grad.z1"), `no tensor "in.z1"`},
		{"loss/simclr/views2_tau0.1", set("views", 3.0), `no tensor "in.z2"`},
		{"loss/simclr/views2_tau0.1", same("grad.z0", "grad.w"), "not compared: grad.w"},
		{"loss/simclr/views2_tau0.1", same("out.loss", "out.acc"), "not compared: out.acc"},
		{"loss/simclr/views2_tau0.1", func(c *Case) { c.RTol = -1 }, "must not be negative"},
		{"loss/simclr/views2_tau0.1", set("method", "tico"), `no tensor "in.query"`},
		{"loss/simclr/views2_tau0.1", same("in.z0", "in.mask"), "not read: in.mask"},
		{"loss/simclr/views2_tau0.1", set("dampening", 0.1), "not read: dampening"},
		{"loss/simclr/views2_tau0.1", without("in.z2"), ""},
		{"loss/moco/tau0.2", float32s, ""},
		{"loss/moco/tau0.2", set("method", "mocov2plus"), ""},
		{"loss/moco/tau0.2", without("in.queue"), `no tensor "in.queue"`},
		{"loss/moco/tau0.2", unset("temperature"), `no parameter "temperature"`},
		{"loss/moco/tau0.2", same("in.query", "in.key"), "mocov2plus: loss: "},
		{"loss/mocov2plus/symmetric_tau0.2", unset("temperature"), ""},
		{"loss/mocov2plus/symmetric_tau0.2", same("in.queue0", "in.queue1"), "loss: "},
		{"loss/dclw/tau0.2_sigma0.4", unset("sigma"), "loss: "},
		{"loss/nnclr/queue_tau0.2", same("in.queue", "in.z1"), "have shape [11 6] and its predictions [5 6]"},
		{"loss/tico/rho5.0_beta0.7_held", same("in.covariance", "in.key"), "the embeddings of view 1 have shape [5 5]"},
		{"loss/nnsiam/symmetric", same("in.z0", "in.z1"), "loss: "},
		{"loss/nnsiam/symmetric", set("symmetric", false), "loss: "},
		{"loss/tico/rho5.0_beta0.7_held", unset("covariance_gradient"), ""},
		{"loss/tico/rho5.0_beta0.7_through", set("covariance_gradient", false), "gradient of query"},
		{"loss/tico/rho5.0_beta0.7_through", unset("beta"), "covariance_after: "},
		{"loss/tico/rho5.0_beta0.7_through", without("in.covariance"), "loss: "},
		{"loss/tico/rho5.0_beta0.7_through", same("in.key", "in.covariance"), "covariance has shape [6 5]"},
		{"loss/lejepa/views4_knots9", set("knots", 8.0), "must be odd"},
		{"loss/lejepa/views4_knots9", set("large_crops", 5.0), "large_crops is 5"},
		{"loss/lejepa/views4_knots9", unset("views"), ""},
		{"loss/lejepa/views4_knots9", unset("large_crops"), "loss: "},
		{"loss/lejepa/views4_knots9", without("in.directions"), `no tensor "in.directions"`},
		{"loss/directclr/tau0.3_dimensions4", set("dimensions", 0.0), "must be at least 1"},
		{"loss/directclr/tau0.3_dimensions4", unset("dimensions"), "loss: "},
		{"loss/vibcreg/l10.0_m15.0_n30.0", unset("covariance"), "loss: "},
		{"loss/deepclusterv2/crops3_heads2", without("in.prototypes1", "in.assignments1"), "loss: "},
		{"loss/dino/crops4", set("large_crops", 3.0), "the teacher has 8 rows"},
		{"loss/dino/crops4", set("crops", 3.0), "the student has 16 rows"},
		{"loss/dino/crops4", func(c *Case) { delete(c.Params, "crops"); delete(c.Params, "large_crops") }, ""},
		{"loss/dino/crops4", without("in.center"), "center_after: "},
		{"loss/paws/tau0.1_T0.25", set("classes", 3.0), "the labels of the support have shape [12 4]"},
		{"loss/supcon_in/tau0.2", wide("in.labels", torch.I32), ""},
		{"loss/nnclr/tau0.1", same("in.p", "in.queue"), "not read: in.queue"},
		{"loss/supcon_in/tau0.2", set("variant", "sum outside the log"), "loss: "},
		{"loss/supcon_in/tau0.2", set("variant", "other"), `variant "other"`},
		{"loss/barlowtwins/lambda0.02_scale1.0", unset("scale"), ""},
		{"loss/swav/crops5", set("large_crops", 9.0), "large_crops is 9"},
		{"loss/swav/crops5", set("iterations", 0.0), "sinkhorn_iterations is 0"},
		{"sinkhorn/eps0.05_it3", set("iterations", 0.0), "0 iterations"},
		{"loss/wmse/views2_slices2", set("slices", 0.0), "slices is 0"},
		{"collapse/metrics", without("in.z_other_view", "out.alignment"), ""},
		{"collapse/metrics", set("rankme_eps", 0.01), "effective_rank"},
		{"collapse/metrics", without("out."), "nothing was compared"},
		{"optimizer/sgd", without("in.w", "out."), "no tensor in.w0"},
		{"optimizer/sgd", set("steps", 5.5), "not a whole number"},
		{"optimizer/sgd", func(c *Case) { c.Params["lr"], c.Params["dampening"] = 9.0, 0.1 }, "not read: dampening"},
		{"trajectory/simclr", set("method", "mocov3"), "trajectory of method"},
		{"trajectory/simclr", set("weights", "zeros"), "rule of the weights"},
		{"trajectory/simclr", set("weights", "sin(0.8 i + 1.3 k)"), "losses: "},
	} {
		t.Run(test.id, func(t *testing.T) {
			c := *cases[slices.IndexFunc(cases, func(c *Case) bool { return c.ID == test.id })]
			c.Params = maps.Clone(c.Params)
			if err := c.load(dir); err != nil {
				t.Fatal(err)
			}
			if err := torch.Scope(func() error { test.change(&c); return nil }); err != nil {
				t.Fatal(err)
			}
			r := c.run()
			said := r.Skip + r.Note
			if r.Err != nil {
				said = r.Err.Error()
			}
			if !strings.Contains(said, test.want) || test.want == "" && said != "" {
				t.Errorf("it says %q, want %q", said, test.want)
			}
		})
	}
}

// TestAManifestWithAnOddEntry reads the other entries.
func TestAManifestWithAnOddEntry(t *testing.T) {
	dir := t.TempDir()
	manifest := `{"cases": [5, {"id": "a", "kind": "loss", "rtol": "small"}, {"id": "b", "kind": "teleport", "more": [1]}]}`
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	results, err := RunAll(dir)
	if err != nil || len(results) != 3 || results[0].Err == nil || results[1].Err == nil || results[2].Skip == "" {
		t.Errorf("got %v, %v", results, err)
	}
}

// TestTheFolderAugmentItself runs the folder augment as such.
func TestTheFolderAugmentItself(t *testing.T) {
	results, err := RunAll(filepath.Join("..", "..", "testdata", "oracles", "augment"))
	if err != nil || len(results) == 0 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for _, r := range results {
		if r.Err != nil || r.Skip != "" {
			t.Errorf("%+v", r)
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
	if err := compareSlices("x", []float64{math.Inf(1), math.NaN()}, []float64{math.Inf(1), 1}, 1, 1); err == nil ||
		!strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("equal infinities pass and NaN fails, got %v", err)
	}
}
