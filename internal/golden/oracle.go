// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"parallax/internal/safetensors"
	"parallax/torch"
)

// A Case is one entry of an engine manifest: inputs, and what an independent implementation computed from them. A value
// passes when |got - want| <= ATol + RTol·|want|.
type Case struct {
	ID, Kind, Source, Note, File string
	Params                       map[string]any
	RTol, ATol                   float64

	tensors map[string]safetensors.Tensor
}

// runners holds what runs a case, by its kind. A runner is called in a Scope of its own.
var runners = map[string]func(*Case) error{
	"backbone":   runBackbone,
	"clustering": runClustering,
	"collapse":   runCollapse,
	"knn":        runKNN,
	"loss":       runLoss,
	"optimizer":  runOptimizer,
	"schedule":   runSchedule,
	"sinkhorn":   runSinkhorn,
	"trajectory": runTrajectory,
}

// A skip is the error of a runner that does not know what the case is about.
type skip string

func (s skip) Error() string { return string(s) }

// Run runs every case of dir/manifest.json. The error says that the manifest itself could not be read.
func Run(dir string) ([]Result, error) {
	cases, err := Cases(dir)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(cases))
	for i, c := range cases {
		results[i] = c.Run(dir)
	}
	return results, nil
}

// Cases reads the entries of dir/manifest.json, without their tensors.
func Cases(dir string) ([]*Case, error) {
	path := filepath.Join(dir, "manifest.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var manifest struct{ Cases []*Case }
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return manifest.Cases, nil
}

// Run runs the case; its tensors are in dir.
func (c *Case) Run(dir string) Result {
	run, known := runners[c.Kind]
	if !known {
		return Result{ID: c.ID, Skip: fmt.Sprintf("kind %q is not known here", c.Kind)}
	}
	if err := c.load(dir); err != nil {
		return Result{ID: c.ID, Err: err}
	}
	err := torch.Scope(func() error { return run(c) })
	if s := skip(""); errors.As(err, &s) {
		return Result{ID: c.ID, Skip: string(s)}
	}
	return Result{ID: c.ID, Err: err}
}

func (c *Case) load(dir string) error {
	f, err := safetensors.Open(filepath.Join(dir, c.File))
	if err != nil {
		return err
	}
	defer f.Close()
	tensors, err := f.Tensors()
	if err != nil {
		return err
	}
	c.tensors = make(map[string]safetensors.Tensor, len(tensors))
	for _, t := range tensors {
		c.tensors[t.Name] = t
	}
	return nil
}

// In returns the input called name; Has tells whether there is one. Like all that follow, it ends the running Scope
// with an error where the case lacks it.
func (c *Case) In(name string) torch.Tensor { return c.tensor("in." + name) }

// Out returns the expected value called name.
func (c *Case) Out(name string) torch.Tensor { return c.tensor("out." + name) }

// Grad returns the expected gradient of out.loss with respect to the input called name.
func (c *Case) Grad(name string) torch.Tensor { return c.tensor("grad." + name) }

// Has reports whether the case has a tensor of that full name: "in.x", "out.loss", "grad.z0".
func (c *Case) Has(name string) bool {
	_, ok := c.tensors[name]
	return ok
}

func (c *Case) tensor(name string) torch.Tensor {
	t, ok := c.tensors[name]
	if !ok {
		torch.Fail("Case", "%s has no tensor %q", c.File, name)
	}
	dtype, err := torch.ParseDType(string(t.DType))
	if err != nil {
		torch.Fail("Case", "tensor %q of %s: %v", name, c.File, err)
	}
	return torch.FromBytes(t.Data, dtype, t.Shape...)
}

// Number returns the parameter called name.
func (c *Case) Number(name string) float64 { return param[float64](c, name) }

// Int returns the whole-numbered parameter called name.
func (c *Case) Int(name string) int { return int(c.Number(name)) }

// Truth returns the boolean parameter called name.
func (c *Case) Truth(name string) bool { return param[bool](c, name) }

// Text returns the textual parameter called name.
func (c *Case) Text(name string) string { return param[string](c, name) }

// Numbers returns the parameter called name, a list of numbers.
func (c *Case) Numbers(name string) []float64 {
	list := param[[]any](c, name)
	numbers := make([]float64, len(list))
	for i, v := range list {
		number, ok := v.(float64)
		if !ok {
			torch.Fail("Case", "parameter %q is %v, not a list of numbers", name, list)
		}
		numbers[i] = number
	}
	return numbers
}

// HasParam reports whether the case has a parameter of that name.
func (c *Case) HasParam(name string) bool {
	_, ok := c.Params[name]
	return ok
}

func param[T any](c *Case, name string) T {
	v, ok := c.Params[name].(T)
	if !ok {
		torch.Fail("Case", "parameter %q is %v, which is not a %T", name, c.Params[name], v)
	}
	return v
}

// near compares got with what the case wants of it, by the case's tolerances.
func (c *Case) near(what string, got, want torch.Tensor) error {
	return compare(what, got, want, c.RTol, c.ATol)
}

// compare returns an error that names the worst element unless |got - want| <= atol + rtol·|want| everywhere.
func compare(what string, got, want torch.Tensor, rtol, atol float64) error {
	if !got.Defined() {
		return fmt.Errorf("%s: there is none, want one of shape %v", what, want.Shape())
	}
	if g, w := got.Shape(), want.Shape(); fmt.Sprint(g) != fmt.Sprint(w) {
		return fmt.Errorf("%s: shape %v, want %v", what, g, w)
	}
	return compareSlices(what, got.Float64s(), want.Float64s(), rtol, atol)
}

// compareSlices is compare for numbers that are out of libtorch already.
func compareSlices(what string, got, want []float64, rtol, atol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at, differ := -1.0, 0, 0
	for i, g := range got {
		excess := math.Abs(g-want[i]) / (atol + rtol*math.Abs(want[i]))
		if g == want[i] {
			excess = 0
		}
		if !(excess <= 1) {
			differ++
		}
		if math.IsNaN(excess) {
			excess = math.Inf(1)
		}
		if excess > worst {
			worst, at = excess, i
		}
	}
	if differ == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d of %d values differ; the worst, number %d, is %.9g, want %.9g: %.3g times what is allowed", what, differ, len(got), at, got[at], want[at], worst)
}

// all joins what is wrong into one line.
func all(errs ...error) error {
	var lines []string
	for _, err := range errs {
		if err != nil {
			lines = append(lines, err.Error())
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "; "))
}

// RunAll runs the cases of dir/manifest.json and of dir/augment/manifest.json. One of the two may be missing.
func RunAll(dir string) ([]Result, error) {
	engine, err := Run(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	pixels, err := RunAugment(filepath.Join(dir, "augment"))
	if errors.Is(err, fs.ErrNotExist) && !missing {
		return engine, nil
	}
	if err != nil {
		return nil, fmt.Errorf("no oracles in %s: %w", dir, err)
	}
	return append(engine, pixels...), nil
}
