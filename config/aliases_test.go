// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// later replaces the history of the keys by that of a later parallax until the test ends.
func later(t *testing.T, h history) {
	t.Helper()
	before := keys
	t.Cleanup(func() { keys = before })
	keys = h
}

// A config of format 1 lacks keys that format 2 added. They get the values of older runs.
func TestLoadFillsInWhatItsFormatLacks(t *testing.T) {
	whole := encoded(t, example(t))
	whole = strings.Replace(whole, fmt.Sprintf("format: %d", keys.format), "format: 1", 1)
	older := strings.Replace(whole, ", hue: 0.1}", "}", 1)
	older = strings.Replace(older, "  log_every: 10", "  #", 1)
	later(t, history{format: 2, added: []addition{
		{"train.log_every", 2, "50"}, {"augment.color_jitter.hue", 2, "0.25"}, {"method.queue_size", 2, "7"},
	}})
	back, err := Load([]byte(older), new(contrast))
	must(t, err)
	if back.Train.LogEvery != 50 || back.Sources["train.log_every"] != "format 1" {
		t.Errorf("train.log_every is %d, from %q", back.Train.LogEvery, back.Sources["train.log_every"])
	}
	if got := encoded(t, back); !strings.Contains(got, "hue: 0.25") ||
		!strings.HasPrefix(strings.SplitN(got, "\n", 3)[1], "format: 2") {
		t.Errorf("written again it is\n%s", got)
	}
	if m := back.Method.Fields.(*contrast); m.QueueSize != 4096 {
		t.Errorf("what the file says is %d", m.QueueSize)
	}
	_, err = Load([]byte(strings.Replace(older, "format: 1", "format: 2", 1)), new(contrast))
	if err == nil || !strings.Contains(err.Error(), "lacks hue") {
		t.Errorf("a config of the format that has the key: error %v", err)
	}
	_, err = Load([]byte(strings.Replace(whole, "format: 1", "format: 3", 1)), new(contrast))
	wantError(t, err, `config.yaml:2: the config has format "3", this parallax reads 1 to 2: use the parallax that wrote it`)
}

// A run from before probe.queries keeps its queries, so that its evaluations can be compared.
func TestRunsFromBeforeKeepEveryFifth(t *testing.T) {
	older := strings.Replace(encoded(t, example(t)), fmt.Sprintf("format: %d", keys.format), "format: 3", 1)
	older = strings.Replace(older, "  queries: ", "  # ", 1)
	back, err := Load([]byte(older), new(contrast))
	must(t, err)
	if got := Default().Probe.Queries; back.Probe.Queries != EveryFifth || got != ByClass {
		t.Errorf("a run from before has %q, and a new one %q", back.Probe.Queries, got)
	}
}

func TestAliases(t *testing.T) {
	whole := encoded(t, example(t))
	whole = strings.Replace(whole, fmt.Sprintf("format: %d", keys.format), "format: 2", 1)
	later(t, history{format: 2, aliases: []alias{
		{old: "method.keep_grad", new: "method.stop_grad", values: opposite},
		{old: "method.end", new: "method.ema.end"}, {old: "optim.rate", new: "optim.base_rate"},
		{old: "method.gone", new: "method.away"},
		{old: "optim.speed", new: "optim.base_rate"},
	}})
	// In the config of a run.
	older := strings.Replace(whole, "  stop_grad: true ", "  keep_grad: true ", 1)
	older = strings.Replace(older, "    end: 1 ", "  end: 0.5 ", 1)
	back, err := Load([]byte(older), new(contrast))
	must(t, err)
	m := back.Method.Fields.(*contrast)
	if m.StopGrad || m.EMA.End != 0.5 || back.Sources["method.stop_grad"] != "paper" || back.Optim.BaseRate != 0.05 {
		t.Errorf("read %+v with the sources %v", m, back.Sources)
	}
	if got := encoded(t, back); strings.Contains(got, "keep_grad") || !strings.Contains(got, "stop_grad: false") {
		t.Errorf("written again it is\n%s", got)
	}
	// In the values of a config whose method is not known: all but the names of hyperparameters.
	values, err := Values([]byte("optim: {speed: 0.5}\nmethod: {name: contrast, keep_grad: true}\n"), "my.yaml")
	must(t, err)
	want := []Value{{Path: "optim.base_rate", Text: "0.5"}, {Path: "method.name", Text: "contrast"},
		{Path: "method.keep_grad", Text: "true"}}
	if !slices.Equal(values, want) {
		t.Errorf("values %v, want %v", values, want)
	}
	_, err = Values([]byte("optim: {speed: 0.5, base_rate: 1}"), "my.yaml")
	wantError(t, err, "my.yaml: line 1: key optim.speed is the old name of optim.base_rate, which is given, too: "+
		"leave one out")
	// In a file.
	l := example(t)
	must(t, l.Merge([]byte("method:\n  keep_grad: true\n  end: 0.25\n"), "my.yaml"))
	if m := l.Method.Fields.(*contrast); m.StopGrad || m.EMA.End != 0.25 ||
		l.Sources["method.stop_grad"] != "config my.yaml:2" {
		t.Errorf("merged %+v, %v", m, l.Sources)
	}
	wantError(t, l.Merge([]byte("method: {keep_grad: true, stop_grad: true}"), "my.yaml"),
		"my.yaml: line 1: key method.keep_grad is the old name of method.stop_grad, which is given, too: leave one out")
	wantError(t, l.Merge([]byte("method:\n  keep_grad: 3\n"), "my.yaml"), `my.yaml:2: method.stop_grad is "3", want true or false`)
	// By path, of the key and of its section.
	must(t, l.Set("method.keep_grad", "false", "--set"))
	must(t, l.Set("method", "{end: 0.75, temperature: 3}", "--set"))
	if m := l.Method.Fields.(*contrast); !m.StopGrad || m.EMA.End != 0.75 || m.Temperature != 3 ||
		l.Sources["method.ema.end"] != "--set" {
		t.Errorf("set %+v, %v", m, l.Sources)
	}
	err = l.Set("method.gone", "1", "--set")
	if err == nil || !strings.Contains(err.Error(), "unknown key method.gone") {
		t.Errorf("an alias of a key that this method lacks: error %v", err)
	}
	// A name made from settings stays the same.
	for _, c := range [][4]string{
		{"method.stop_grad", "true", "method.keep_grad", "false"}, {"method.ema.end", "0.5", "method.end", "0.5"},
		{"seed", "1", "seed", "1"},
	} {
		if path, value := Original("contrast", c[0], c[1]); path != c[2] || value != c[3] {
			t.Errorf("%s=%s was %s=%s, want %s=%s", c[0], c[1], path, value, c[2], c[3])
		}
	}
}

// twins has a hyperparameter whose name another method's hyperparameter once had.
type twins struct {
	Projector    []int
	StopGradient bool
}

// Variants were hyperparameters of methods in format 1. A method that still has such a hyperparameter keeps it.
func TestVariantsWereHyperparameters(t *testing.T) {
	read := func(name string, fields any, text string) (*Layered, error) {
		c := Default()
		c.Method = MethodConfig{name, fields}
		l, err := New(&c)
		must(t, err)
		return l, l.Merge([]byte(text), "f.yaml")
	}
	type projector struct{ Projector []int }
	const old = "format: 1\nmethod:\n  shared_weights: False\n  stop_gradient: true\n  predictor_mode: fixed\n  " +
		"predictor: {widths: [3, 4], norm: group}\n"
	l, err := read("barlowtwins", new(projector), old)
	must(t, err)
	want := Default().Variant
	want.Untied, want.Asymmetric = true, Asymmetric{
		StopGradient: true, PredictorMode: "fixed",
		Predictor: Head{Widths: []int{3, 4}, BatchNorm: true, Norm: "group"},
	}
	if !reflect.DeepEqual(l.Variant, want) || l.Sources["variant.untied"] != "config f.yaml:3" {
		t.Errorf("read %+v with the sources %v", l.Variant, l.Sources["variant.untied"])
	}
	must(t, l.Set("method.predictor.widths", "[5]", "--set"))
	must(t, l.Set("method.shared_weights", "true", "--set"))
	if l.Variant.Untied || !reflect.DeepEqual(l.Variant.Asymmetric.Predictor.Widths, []int{5}) {
		t.Errorf("set %+v", l.Variant)
	}
	_, err = read("vicreg", new(projector), "method: {stop_gradient: true}")
	wantError(t, err, "f.yaml:1: unknown key method.stop_gradient: did you mean variant.asymmetric.stop_gradient?")
	l, err = read("byol", new(projector), "method:\n  predictor_form: direct\n  direct: {epsilon: 0.5}\n")
	must(t, err)
	if l.Variant.PredictorForm != "direct" || l.Variant.Direct != (Direct{Rho: 0.3, Epsilon: 0.5, Every: 1}) {
		t.Errorf("read %+v", l.Variant)
	}
	l, err = read("simsiam", new(projector), "method: {predictor_form: mlp, variance: 2, covariance: 3}")
	must(t, err)
	if v := l.Variant; v.PredictorForm != "own" || v.Variance != 2 || v.Covariance != 3 {
		t.Errorf("read %+v", v)
	}
	l, err = read("barlowtwins", new(twins), "method: {stop_gradient: true}")
	must(t, err)
	if !l.Method.Fields.(*twins).StopGradient || l.Variant.Asymmetric.StopGradient {
		t.Error("a method's own hyperparameter is taken for the old name of a variant")
	}
	for _, c := range [][5]string{
		{"barlowtwins", "variant.untied", "true", "method.shared_weights", "false"},
		{"barlowtwins", "variant.asymmetric.predictor.widths", "[3]", "method.predictor.widths", "[3]"},
		{"barlowtwins", "variant.asymmetric.predictor_mode", "fixed", "method.predictor_mode", "fixed"},
		{"simsiam", "variant.asymmetric.stop_gradient", "true", "variant.asymmetric.stop_gradient", "true"},
		{"simsiam", "variant.untied", "true", "variant.untied", "true"},
		{"simsiam", "variant.predictor_form", "own", "method.predictor_form", "mlp"},
		{"byol", "variant.direct.rho", "0.5", "method.direct.rho", "0.5"},
		{"mocov1", "probe.leak", "true", "method.measure_leak", "true"},
		{"byol", "variant.variance", "0.5", "variant.variance", "0.5"},
	} {
		if path, value := Original(c[0], c[1], c[2]); path != c[3] || value != c[4] {
			t.Errorf("%s: %s=%s was %s=%s, want %s=%s", c[0], c[1], c[2], path, value, c[3], c[4])
		}
	}
}

func TestDecodersHaveShortNames(t *testing.T) {
	for old, want := range map[string]string{
		"libturbojpeg 2.1.5": "turbojpeg", "libturbojpeg": "turbojpeg", "libjpeg-turbo 2.1.5": "turbojpeg",
		"turbojpeg": "turbojpeg",
		"Go image/jpeg (differs from PIL by up to 45 levels, 4.7 times slower; apt-get install libturbojpeg0)": "go",
		"image/jpeg": "go",
		"go":         "go", "libturbojpegs": "libturbojpegs", "": "",
	} {
		l := example(t)
		l.Data.Decoder = old
		text := []byte(encoded(t, l))
		values, err := Values(text, "config.yaml")
		must(t, err)
		if !slices.ContainsFunc(values, func(v Value) bool { return v.Path == "data.decoder" && v.Text == want }) {
			t.Errorf("the values have no data.decoder %q", want)
		}
		back, err := Load(text, new(contrast))
		must(t, err)
		if back.Data.Decoder != want {
			t.Errorf("data.decoder %q is read as %q, want %q", old, back.Data.Decoder, want)
		}
		must(t, l.Set("data.decoder", old, "--set"))
		if l.Data.Decoder != want {
			t.Errorf("data.decoder=%q is %q, want %q", old, l.Data.Decoder, want)
		}
	}
}
