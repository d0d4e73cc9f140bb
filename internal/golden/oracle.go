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
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/torch"
)

// A Case is one entry of an engine manifest: inputs, and values that an independent implementation computed from them.
// A value passes when |got - want| <= ATol + RTol·|want|.
type Case struct {
	ID, Kind, Source, Note, File string
	Params                       map[string]any
	RTol, ATol                   float64

	broken  error // why the entry could not be decoded
	tensors map[string]safetensors.Tensor
	used    map[string]bool // names of tensors that the runner has read, and of parameters as "param.NAME"
}

// runners holds the function that runs a case, by kind. A runner is called in its own Scope.
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

// A skip is the error of a runner that does not know the case's subject.
type skip string

func (s skip) Error() string { return string(s) }

// Run runs every case of dir/manifest.json. It returns an error if the manifest itself cannot be read.
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
	var manifest struct{ Cases []json.RawMessage }
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	cases := make([]*Case, len(manifest.Cases))
	for i, raw := range manifest.Cases {
		c := &Case{}
		if c.broken = json.Unmarshal(raw, c); c.ID == "" {
			c.ID = fmt.Sprintf("number %d of %s", i, path)
		}
		cases[i] = c
	}
	return cases, nil
}

// Run runs the case; its tensors are in dir.
func (c *Case) Run(dir string) Result {
	switch {
	case c.broken != nil:
		return Result{ID: c.ID, Err: fmt.Errorf("reading the case: %w", c.broken)}
	case runners[c.Kind] == nil:
		return Result{ID: c.ID, Skip: fmt.Sprintf("kind %q is not known here", c.Kind)}
	}
	if err := c.load(dir); err != nil {
		return Result{ID: c.ID, Err: err}
	}
	return c.run()
}

// run runs a case of a known kind whose tensors have been read.
func (c *Case) run() (result Result) {
	result.ID = c.ID
	// A case of an unexpected form must not stop the others.
	defer func() {
		if r := recover(); r != nil {
			line, _, _ := strings.Cut(fmt.Sprint(r), "\n")
			result.Err = fmt.Errorf("running the case: panic: %s", line)
		}
	}()
	err := torch.Scope(func() error { return runners[c.Kind](c) })
	if s := skip(""); errors.As(err, &s) {
		result.Skip = string(s)
		return result
	}
	if err != nil {
		if left := c.unused("param."); left != nil {
			err = fmt.Errorf("%w (parameters that were not read: %s)", err, strings.Join(left, ", "))
		}
		result.Err = err
		return result
	}
	result.Err = c.covered()
	var notes []string
	if left := c.unused("out."); left != nil {
		notes = append(notes, "not compared: "+strings.Join(left, ", "))
	}
	if left := c.unused("in."); left != nil {
		notes = append(notes, "not read: "+strings.Join(left, ", "))
	}
	if left := c.unused("param."); left != nil && c.Kind == "loss" {
		notes = append(notes, "parameters that were not read: "+strings.Join(left, ", "))
	}
	result.Note = strings.Join(notes, "; ")
	return result
}

// covered returns an error unless something was compared, and every gradient.
func (c *Case) covered() error {
	if left := c.unused("grad."); left != nil {
		return fmt.Errorf("not compared: %s", strings.Join(left, ", "))
	}
	for name := range c.used {
		if t, ok := c.tensors[name]; ok && !strings.HasPrefix(name, "in.") && len(t.Data) > 0 {
			return nil
		}
	}
	return errors.New("nothing was compared: the case has no expected value that is known here")
}

// unused returns the names of the tensors, or parameters, with that prefix that the runner has not read, in order.
func (c *Case) unused(prefix string) []string {
	var left []string
	for name := range c.tensors {
		if strings.HasPrefix(name, prefix) && !c.used[name] {
			left = append(left, name)
		}
	}
	if prefix == "param." {
		for name := range c.Params {
			if !c.used[prefix+name] {
				left = append(left, name)
			}
		}
	}
	slices.Sort(left)
	return left
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
	c.tensors, c.used = make(map[string]safetensors.Tensor, len(tensors)), map[string]bool{}
	for _, t := range tensors {
		c.tensors[t.Name] = t
	}
	return nil
}

// In returns the input called name, floating-point ones as float64; Has reports whether it exists. Like the following
// methods, In ends the running Scope with an error if the case lacks it.
func (c *Case) In(name string) torch.Tensor { return c.tensor("in." + name) }

// Out returns the expected value called name.
func (c *Case) Out(name string) torch.Tensor { return c.tensor("out." + name) }

// Grad returns the expected gradient of out.loss with respect to the input called name.
func (c *Case) Grad(name string) torch.Tensor { return c.tensor("grad." + name) }

// HasGrads reports whether the case has any gradient.
func (c *Case) HasGrads() bool {
	for name := range c.tensors {
		if strings.HasPrefix(name, "grad.") {
			return true
		}
	}
	return false
}

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
	c.use(name)
	v := torch.FromBytes(t.Data, dtype, t.Shape...)
	if dtype == torch.F32 || dtype == torch.F16 || dtype == torch.BF16 {
		v = v.To(torch.F64)
	}
	return v
}

func (c *Case) use(name string) {
	if c.used == nil {
		c.used = map[string]bool{}
	}
	c.used[name] = true
}

// Number returns the parameter called name.
func (c *Case) Number(name string) float64 { return param[float64](c, name) }

// Int returns the whole-numbered parameter called name.
func (c *Case) Int(name string) int {
	v := c.Number(name)
	if v != math.Trunc(v) {
		torch.Fail("Case", "parameter %q is %g, not a whole number", name, v)
	}
	return int(v)
}

// NumberOr returns the parameter called name, or otherwise if the case lacks it.
func (c *Case) NumberOr(name string, otherwise float64) float64 {
	if !c.HasParam(name) {
		return otherwise
	}
	return c.Number(name)
}

// TruthOr is NumberOr for a boolean.
func (c *Case) TruthOr(name string, otherwise bool) bool {
	if !c.HasParam(name) {
		return otherwise
	}
	return c.Truth(name)
}

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
	c.use("param." + name)
	v, ok := c.Params[name].(T)
	switch {
	case !c.HasParam(name):
		torch.Fail("Case", "there is no parameter %q", name)
	case !ok:
		torch.Fail("Case", "parameter %q is %v, which is not a %T", name, c.Params[name], v)
	}
	return v
}

// near compares got with the expected value, within the case's tolerances.
func (c *Case) near(what string, got, want torch.Tensor) error {
	return compare(what, got, want, c.RTol, c.ATol)
}

// compare returns an error that names the worst element unless |got - want| <= atol + rtol·|want| everywhere.
func compare(what string, got, want torch.Tensor, rtol, atol float64) error {
	if !got.Defined() {
		return fmt.Errorf("%s: there is none, want one of shape %v", what, want.Shape())
	}
	one := got.Len() == 1 && want.Len() == 1 // a number, whether in a list or not
	if g, w := got.Shape(), want.Shape(); !one && !slices.Equal(g, w) {
		return fmt.Errorf("%s: shape %v, want %v", what, g, w)
	}
	return compareSlices(what, got.Float64s(), want.Float64s(), rtol, atol)
}

// compareSlices is compare for numbers outside libtorch.
func compareSlices(what string, got, want []float64, rtol, atol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d values, want %d", what, len(got), len(want))
	}
	if !(rtol >= 0 && atol >= 0) {
		return fmt.Errorf("%s: the tolerances rtol %g and atol %g must not be negative", what, rtol, atol)
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
	return fmt.Errorf("%s: %d of %d values differ; the worst, number %d, is %.9g, want %.9g: %.3g times what is "+
		"allowed", what, differ, len(got), at, got[at], want[at], worst)
}

// all joins several errors into one line.
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

// flat reports whether dir/manifest.json itself is a manifest of augmentation cases, whose entries have an op instead
// of a kind.
func flat(dir string) (bool, error) {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return false, err
	}
	var manifest struct{ Cases []json.RawMessage }
	if err := json.Unmarshal(data, &manifest); err != nil {
		return false, fmt.Errorf("reading %s: %w", filepath.Join(dir, "manifest.json"), err)
	}
	for _, raw := range manifest.Cases {
		var c struct{ Kind, Op any }
		if err := json.Unmarshal(raw, &c); err != nil || c.Kind != nil || c.Op == nil {
			return false, nil
		}
	}
	return len(manifest.Cases) > 0, nil
}

// RunAll runs the cases of dir/manifest.json and of dir/augment/manifest.json. One of the two may be missing, and dir
// may be the folder augment itself.
func RunAll(dir string) ([]Result, error) {
	if pixels, err := flat(dir); pixels {
		return RunAugment(dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
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
