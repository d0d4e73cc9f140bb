// SPDX-License-Identifier: Apache-2.0

package config

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestKey(t *testing.T) {
	for field, want := range map[string]string{
		"FinalRate": "final_rate", "KNN": "knn", "EMA": "ema", "PILBlur": "pil_blur", "UseKNN": "use_knn",
		"Beta1": "beta1", "K": "k", "KNNTemperature": "knn_temperature", "CPU": "cpu",
		"ExcludeBiasAndNorm": "exclude_bias_and_norm",
	} {
		if got := Key(field); got != want {
			t.Errorf("Key(%s) is %s, want %s", field, got, want)
		}
	}
}

func TestEncodeGolden(t *testing.T) {
	l := example(t)
	must(t, l.Set("augment.color_jitter.p", "0.5", "--set"))
	must(t, l.Set("method.temperature", "0.2", "--set"))
	l.Train.Batch = 512
	must(t, l.Mark("train.batch", "flag --batch"))
	l.ScaleRate()
	got := encoded(t, l)
	if *update {
		must(t, os.WriteFile("testdata/config.yaml", []byte(got), 0o666))
	}
	if diff := cmp.Diff(readFile(t, "testdata/config.yaml"), got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadReadsBackWhatEncodeWrote(t *testing.T) {
	l := example(t)
	must(t, l.Set("augment.1.solarize.p", "0.3", "--set"))
	fields := new(contrast)
	back, err := Load([]byte(encoded(t, l)), fields)
	must(t, err)
	if diff := cmp.Diff(l.Sources, back.Sources); diff != "" {
		t.Error(diff)
	}
	fields.cached = 1 // what is no hyperparameter stays with the method
	if !reflect.DeepEqual(back.Config, l.Config) {
		t.Errorf("read back %+v, want %+v", back.Config, l.Config)
	}
}

// TestRoundTrip fills a config with random values and sources of every kind, and reads all of them back bit for bit.
func TestRoundTrip(t *testing.T) {
	seed := uint64(os.Getpid())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 400 {
		l := example(t)
		var ops []augment.Recipe
		for range r.IntN(4) {
			recipe := augment.Recipe{}
			for range r.IntN(5) {
				recipe = append(recipe, augment.Ops()[r.IntN(len(augment.Ops()))])
			}
			if len(recipe) == 0 {
				recipe = nil
			}
			ops = append(ops, recipe)
		}
		if l.Augment = ops; ops == nil {
			l.Augment = []augment.Recipe{}
		}
		l.Sources = map[string]string{}
		root, err := tree(l.Config)
		must(t, err)
		for _, n := range root.leaves() {
			for randomise(r, n.value); checkBounds(n.path, n.value) != nil; {
				randomise(r, n.value)
			}
			if n.commit != nil {
				n.commit()
			}
			l.Sources[n.path] = oneLine(randomText(r))
		}
		text := encoded(t, l)
		back, err := Load([]byte(text), new(contrast))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again := encoded(t, back); again != text {
			t.Fatal(cmp.Diff(text, again))
		}
		back.Method.Fields.(*contrast).cached = 1
		if !reflect.DeepEqual(back.Config, l.Config) || !reflect.DeepEqual(back.Sources, l.Sources) {
			t.Fatalf("read back\n%+v\nwant\n%+v\n%s", back.Config, l.Config, text)
		}
		if changes, err := Diff(l.Config, back.Config); err != nil || len(changes) > 0 {
			t.Fatalf("differences %v, error %v", changes, err)
		}
	}
}

func randomise(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float64:
		f := math.Float64frombits(r.Uint64())
		for math.IsNaN(f) || math.IsInf(f, 0) {
			f = math.Float64frombits(r.Uint64())
		}
		v.SetFloat([]float64{f, r.Float64(), 0, math.Copysign(0, -1), 1e-7, 100000, 1e21}[r.IntN(7)])
	case reflect.String:
		v.SetString(randomText(r))
	case reflect.Slice:
		v.SetZero()
		for range r.IntN(4) {
			item := reflect.New(v.Type().Elem()).Elem()
			randomise(r, item)
			v.Set(reflect.Append(v, item))
		}
	case reflect.Array:
		for i := range v.Len() {
			randomise(r, v.Index(i))
		}
	default:
		panic("no random " + v.Type().String())
	}
}

func randomText(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		awkward := []string{"", " ", "null", "~", "true", "1", "1e3", "0x1f", ".inf", "a: b", "# no", "a  # b", "- x", "it's", `"`, `\`, "a\nb", "\t", "a ", "é",
			"\xff\xfe", "{a}", "[a", "*x", "&x", "!t", "%", "@", "`", "photos:2024", "2024-01-02", "<<", "=", "\u2028", "\ufeffx", "\U0010ffff", "no", "y", "12:30:45", "/a/b.tar", ".", "1_000"}
		return awkward[r.IntN(len(awkward))]
	}
	var b strings.Builder
	for range r.IntN(12) {
		if r.IntN(4) == 0 {
			b.WriteRune(rune(r.IntN(0x110000)))
		} else {
			b.WriteByte(byte(r.IntN(128)))
		}
	}
	return b.String()
}

func TestSet(t *testing.T) {
	l := example(t)
	for _, s := range [][2]string{
		{"method.temperature", "0.2"}, {"method.projector", "[64]"}, {"method.ema.start", "0.5"},
		{"optim", "{name: lars, eta: 0.02}"},
		{"augment.color_jitter.p", "0"}, {"augment.1.color_jitter.hue", "0.3"}, {"data.path", "a: b: c"},
		{"data.mean", "[0, 0.5, 1]"},
		{"probe.paths", "[x, y z]"}, {"seed", "18446744073709551615"}, {"data.split", "007"},
	} {
		must(t, l.Set(s[0], s[1], "--set"))
	}
	m := l.Method.Fields.(*contrast)
	jitter := func(view int) augment.ColorJitter { return l.Augment[view][1].(augment.ColorJitter) }
	for what, ok := range map[string]bool{
		"temperature":       m.Temperature == 0.2,
		"projector":         reflect.DeepEqual(m.Projector, []int{64}),
		"nested":            m.EMA.Start == 0.5,
		"section":           l.Optim.Name == "lars" && l.Optim.Eta == 0.02,
		"all views":         jitter(0).P == 0 && jitter(1).P == 0,
		"one view":          jitter(0).Hue == 0.1 && jitter(1).Hue == 0.3,
		"text as it stands": l.Data.Path == "a: b: c" && l.Data.Split == "007",
		"array":             slices.Equal(l.Data.Mean, []float64{0, 0.5, 1}),
		"list":              reflect.DeepEqual(l.Probe.Paths, []string{"x", "y z"}),
		"seed":              l.Seed == math.MaxUint64,
	} {
		if !ok {
			t.Errorf("%s: not set", what)
		}
	}
	if s := l.Sources; s["augment.0.color_jitter.p"] != "--set" || s["augment.0.color_jitter.hue"] != "paper" ||
		s["augment.1.color_jitter.hue"] != "--set" || s["optim.eta"] != "--set" {
		t.Errorf("sources %v", s)
	}
}

func TestSetChangesOneViewOfASharedRecipe(t *testing.T) {
	c := Default()
	shared := augment.Recipe{augment.Solarize{P: 0.1, Threshold: 128}, augment.Solarize{P: 0.2, Threshold: 64}}
	c.Augment = []augment.Recipe{shared, shared}
	l, err := New(&c)
	must(t, err)
	must(t, l.Set("augment.1.solarize#2.p", "0.7", "--set"))
	got := []augment.Op{l.Augment[0][0], l.Augment[0][1], l.Augment[1][0], l.Augment[1][1], shared[1]}
	want := []augment.Op{shared[0], augment.Solarize{P: 0.2, Threshold: 64}, shared[0],
		augment.Solarize{P: 0.7, Threshold: 64}, augment.Solarize{P: 0.2, Threshold: 64}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("recipes %v, want %v", got, want)
	}
}

func TestSetErrors(t *testing.T) {
	for _, c := range []struct{ path, value, want string }{
		{"optim.base_rat", "1", "--set: unknown key optim.base_rat: did you mean optim.base_rate? optim holds: name, " +
			"base_rate, rate, momentum, nesterov, weight_decay, final_weight_decay, exclude_bias_and_norm, beta1, " +
			"beta2, eps, eta, clip_rate, clip_grad, warmup_steps, warmup_start, final_rate, cycles, average"},
		{"optimm.rate", "1", "--set: unknown key optimm: did you mean optim? the config holds: seed, method, " +
			"variant, data, backbone, augment, stages, optim, train, probe, engine"},
		{"stop_grad", "1", "--set: unknown key stop_grad: did you mean method.stop_grad?"},
		{"method.ema.strt", "1", "--set: unknown key method.ema.strt: did you mean method.ema.start? method.ema " +
			"holds: start, end"},
		{"seed.x", "1", "--set: unknown key seed.x: seed is a single value"},
		{"train.batch", "many", `--set: train.batch is "many", want a whole number`},
		{"train.batch", "2.5", `--set: train.batch is "2.5", want a whole number`},
		{"train.batch", "99999999999999999999", `--set: train.batch is "99999999999999999999", want a whole number`},
		{"train.batch", "", "--set: train.batch is \"\", want a whole number"},
		{"train.batch", "[1]", "--set: train.batch is a list of 1, want a whole number"},
		{"seed", "-1", `--set: seed is "-1", want a whole number, 0 or more`},
		{"method.stop_grad", "yes", `--set: method.stop_grad is "yes", want true or false`},
		{"optim.rate", ".inf", `--set: optim.rate is ".inf", want a finite number`},
		{"variant.direct.rho", "[1, 2]", "--set: variant.direct.rho is a list of 2, want a number"},
		{"probe.paths", "x", `--set: probe.paths is "x", want a list in brackets`},
		{"optim", "fast", `--set: optim is "fast", want a mapping with some of the keys name, base_rate, rate, ` +
			"momentum, nesterov, weight_decay, final_weight_decay, exclude_bias_and_norm, beta1, beta2, eps, eta, " +
			"clip_rate, clip_grad, warmup_steps, warmup_start, final_rate, cycles, average"},
		{"method.name", "byol", `--set: method.name is "byol", but the method of this run is contrast: choose with --method byol, or leave the key out`},
		{"augment.0.solarize.p", "0", "--set: no op solarize in augment.0, which has: random_resized_crop, " +
			"color_jitter, grayscale, horizontal_flip: to add one, list the recipes in a config file"},
		{"augment.equalize.p", "0", "--set: no op equalize in augment, which has: random_resized_crop, color_jitter, " +
			"grayscale, horizontal_flip, solarize: to add one, list the recipes in a config file"},
		{"augment.colour_jitter.p", "0", "--set: unknown key augment.colour_jitter: did you mean " +
			"augment.color_jitter? augment holds: random_resized_crop, color_jitter, grayscale, horizontal_flip, " +
			"solarize"},
		{"augment.2.solarize.p", "0", "--set: unknown view augment.2: the method has 2 views, counted from 0"},
		{"augment.solarize.q", "0", "--set: unknown key augment.1.solarize.q: did you mean augment.1.solarize.p? " +
			"augment.1.solarize holds: p, threshold, random_threshold"},
		{"", "0", "--set: no key given: say section.key=value"},
	} {
		wantError(t, example(t).Set(c.path, c.value, "--set"), c.want)
	}
}

func TestMerge(t *testing.T) {
	l := example(t)
	must(t, l.Merge([]byte(`
train:
  batch: 128
method: {temperature: 0.1}
augment:
  color_jitter: {p: 0.1}
  1:
    solarize: {p: 0.9}
`), "my.yaml"))
	want := map[string]string{
		"train.batch": "config my.yaml:3", "method.temperature": "config my.yaml:4",
		"augment.0.color_jitter.p": "config my.yaml:6", "augment.1.color_jitter.p": "config my.yaml:6",
		"augment.1.solarize.p": "config my.yaml:8", "train.epochs": "default",
	}
	for path, source := range want {
		if l.Sources[path] != source {
			t.Errorf("source of %s is %q, want %q", path, l.Sources[path], source)
		}
	}
	if l.Train.Batch != 128 || l.Augment[1][4].(augment.Solarize).P != 0.9 ||
		l.Augment[0][1].(augment.ColorJitter).P != 0.1 {
		t.Errorf("merged %+v", l.Config)
	}
	must(t, l.Merge([]byte("augment:\n  - - grayscale: {p: 1}\n  - []\n"), "my.yaml"))
	if want := []augment.Recipe{{augment.Grayscale{P: 1}}, nil}; !reflect.DeepEqual(l.Augment, want) {
		t.Errorf("recipes %v, want %v", l.Augment, want)
	}
	for path := range l.Sources {
		if strings.HasPrefix(path, "augment.") && path != "augment.0.grayscale.p" {
			t.Errorf("a source is left of %s", path)
		}
	}
	must(t, l.Merge(nil, "empty.yaml"))
	must(t, l.Merge([]byte(encoded(t, example(t))), "other/config.yaml"))
}

func TestMergeErrors(t *testing.T) {
	for text, want := range map[string]string{
		"train:\n  batch: 1\n  batsh: 2\n": "f.yaml:3: unknown key train.batsh: did you mean train.batch? train " +
			"holds: batch, processes, batch_norm, momentum_batch, accumulate, epochs, max_steps, precision, " +
			"device, threads, scheme, cache_chunk, workers, memory, eval_every, eval_early, save_every, " +
			"log_every, keep, on_collapse",
		"train: {batch: 1, batch: 2}":       "f.yaml: line 1: key batch is given twice, first in line 1",
		"train:\n  batch: big\n":            `f.yaml:2: train.batch is "big", want a whole number`,
		"train:\n  batch:\n":                "f.yaml:2: train.batch is empty, want a whole number",
		"data:\n  path: ~\n":                "f.yaml:2: data.path is empty, want text",
		"train: &a {batch: 1}\nprobe: *a\n": "f.yaml: line 2: aliases (*a) are not read: write the value out",
		"seed: 1\n---\nseed: 2\n": "f.yaml:2: a second document begins here, and a config is one: " +
			"remove the line ---, or what follows it",
		"- a\n":            "f.yaml:1: a config is a mapping of sections, this is a list of 1",
		"train.batch: 3\n": `f.yaml:1: key "train.batch": nest the keys, one section per line`,
		"format: 9\n": `f.yaml:1: the config has format "9", this parallax reads 1 to 8: ` +
			"use the parallax that wrote it",
		"method: {name: byol}":             `f.yaml:1: method.name is "byol", but the method of this run is contrast: choose with --method byol, or leave the key out`,
		"augment:\n- - solarise: {p: 1}\n": `f.yaml:2: view 0 of augment: unknown op "solarise": did you mean solarize? the ops are: random_resized_crop, resize, center_crop, random_crop, color_jitter, grayscale, pil_blur, gaussian_blur, solarize, equalize, horizontal_flip, vertical_flip, rand_augment, cutout, channel_jitter, channel_mean`,
		"augment:\n- - solarize: {p: 1}\n": "f.yaml:2: augment.0.solarize lacks threshold: a recipe in a list gives " +
			"every field of its ops",
		"augment:\n- solarize\n":   `f.yaml:2: view 0 of augment is "solarize", want a list of ops`,
		"augment:\n- - solarize\n": `f.yaml:2: an op of view 0 of augment is "solarize", want one op: {its fields}`,
		"augment: 3\n":             `f.yaml:1: augment is "3", want a mapping with some of the keys 0, 1`,
		"train: [\n":               "reading config f.yaml: line 1: did not find expected node content",
	} {
		wantError(t, example(t).Merge([]byte(text), "f.yaml"), want)
	}
}

func TestLoadErrors(t *testing.T) {
	const otherVersion = ", but a run's config holds every value: another version of parallax wrote it, or it was " +
		"edited; the run's encoder.safetensors can still be evaluated"
	whole := encoded(t, example(t))
	_, err := Load([]byte(strings.Replace(whole, "  log_every: ", "  #", 1)), new(contrast))
	wantError(t, err, "reading config.yaml: it lacks train.log_every"+otherVersion)
	_, err = Load([]byte(strings.Replace(whole, fmt.Sprintf("format: %d", keys.format), "", 1)), new(contrast))
	wantError(t, err, "reading config.yaml: it lacks format"+otherVersion)
	_, err = Load([]byte(whole), nil)
	if err == nil || !strings.Contains(err.Error(), "unknown key method.temperature") {
		t.Errorf("error %v", err)
	}
	_, err = Load(nil, nil)
	wantError(t, err, "reading config.yaml: it is empty")
}

func TestNewRefusesFieldsThatAConfigCannotHold(t *testing.T) {
	for want, fields := range map[string]any{
		"reading method.hook: a config holds numbers, bools, strings and lists of them, not a func(): leave the " +
			"field unexported": &struct{ Hook func() }{},
		`reading the hyperparameters of method "m": want a pointer to a struct, have struct {}`:                                                        struct{}{},
		`reading the hyperparameters of method "m": a field of *struct { Name string } is called Name, the key of the method itself: rename the field`: &struct{ Name string }{},
	} {
		_, err := New(&Config{Method: MethodConfig{Name: "m", Fields: fields}})
		wantError(t, err, want)
	}
}

// The comment after a value is its source, whatever the value itself contains.
func TestComments(t *testing.T) {
	for line, want := range map[string]string{
		`a: "x # y" # one`:                                     "one",
		`a: 'it''s # no' # two`:                                "two",
		`a: "q\" # no" # three`:                                "three",
		`a: x#y # four`:                                        "four",
		`a: don't # five`:                                      "five",
		`a: !!binary "abcd" # six`:                             "six",
		`a: "日本 # 語"  # ä # 日本`:                                "ä # 日本",
		`a: [1, "b # c", 'd'] # eight`:                         "eight",
		`a: {p: 1, q: [1, 2]} # nine`:                          "nine",
		`a: {} # ten`:                                          "ten",
		`a: ["` + strings.Repeat(`x", "#`, 3000) + `"] # long`: "long",
		`a: "` + strings.Repeat("y # ", 3000) + `" # longer`:   "longer",
		`a: 1 #touching `:                                      "touching",
		`a: 1`:                                                 "",
		`a: "1 # none"`:                                        "",
	} {
		top, err := parse([]byte("# head\nb: 1 # other\n\n# above\n"+line+"\n# below\nc: 2 # another\n"), "c.yaml")
		must(t, err)
		behind := map[int]string{}
		comments(top, behind)
		if behind[2] != "other" || behind[5] != want || behind[7] != "another" {
			t.Errorf("%.40s: behind it is %q, want %q; the others are %q and %q",
				line, behind[5], want, behind[2], behind[7])
		}
	}
	// The source follows an op of a recipe, or each of its fields on a line of its own.
	top, err := parse([]byte("augment:\n  - - flip: {p: 1} # paper\n    - blur:\n        p: 0.5 # --set\n"), "c.yaml")
	must(t, err)
	behind := map[int]string{}
	comments(top, behind)
	if behind[2] != "paper" || behind[4] != "--set" {
		t.Errorf("behind the ops is %v", behind)
	}
}

func TestMethodOfAndValues(t *testing.T) {
	l := example(t)
	must(t, l.Set("augment.1.solarize.p", "0.3", "--set"))
	data := []byte(encoded(t, l))
	name, err := MethodOf(data, "config.yaml")
	if name != "contrast" || err != nil {
		t.Errorf("method %q, error %v", name, err)
	}
	values, err := Values(data, "config.yaml")
	must(t, err)
	got := map[string]string{}
	for _, v := range values {
		got[v.Path] = v.Text
	}
	for path, want := range map[string]string{"method.projector": "[512, 128]", "augment.1.solarize.p": "0.3",
		"augment.0.grayscale.p": "0.2", "data.path": "photos:2024/summer"} {
		if got[path] != want {
			t.Errorf("%s is %q, want %q", path, got[path], want)
		}
	}
}

func TestFields(t *testing.T) {
	got, err := Fields(newContrast())
	must(t, err)
	want := []Field{{"temperature", "0.5", "number"}, {"queue_size", "4096", "whole number"},
		{"stop_grad", "true", "true or false"},
		{"projector", "[512, 128]", "list"}, {"ema.start", "0.99", "number"}, {"ema.end", "1", "number"}, {"note", `""`, "text"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	a, b := example(t), example(t)
	b.Train.Epochs, b.Train.Workers, b.Probe.Paths, b.Data.Path = 7, 9, []string{"x"}, "elsewhere"
	changes, err := Refused(a.Config, b.Config)
	if err != nil || len(changes) > 0 {
		t.Errorf("refused %v, error %v", changes, err)
	}
	b.Data.Fingerprint, b.Backbone.Width = "sha256:4567", 16
	b.Augment[0] = append(b.Augment[0][1:], augment.Equalize{P: 1})
	changes, err = Refused(a.Config, b.Config)
	must(t, err)
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	want := []string{
		`data.path: "photos:2024/summer" -> elsewhere`, `data.fingerprint: "sha256:0123" -> "sha256:4567"`, "backbone.width: 64 -> 16",
		"augment.0: [random_resized_crop, color_jitter, grayscale, horizontal_flip] -> [color_jitter, grayscale, " +
			"horizontal_flip, equalize]",
		"augment.0.random_resized_crop.p: 1 -> (none)", "augment.0.random_resized_crop.size: 32 -> (none)",
		"augment.0.random_resized_crop.scale: [0.2, 1] -> (none)",
		"augment.0.random_resized_crop.ratio: [0.75, 1.3333333333333333] -> (none)",
		"augment.0.random_resized_crop.interpolation: bicubic -> (none)",
		"augment.0.equalize.p: (none) -> 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestScaleRate(t *testing.T) {
	l := example(t)
	l.Optim.BaseRate, l.Train.Batch, l.Train.Accumulate = 0.3, 128, 4
	const want = "rate 0.6 = base_rate 0.3 x batch 128 x accumulate 4 / 256"
	if got := l.ScaleRate(); got != want || l.Optim.Rate != 0.6 {
		t.Errorf("%s (rate %v), want %s", got, l.Optim.Rate, want)
	}
	back, err := Load([]byte(encoded(t, l)), new(contrast))
	must(t, err)
	back.Train.Batch = 64
	if back.ScaleRate(); back.Optim.Rate != 0.3 {
		t.Errorf("after a change of batch the rate is %v, want 0.3", back.Optim.Rate)
	}
	must(t, l.Set("optim.rate", "0.1", "--set"))
	if got, want := l.ScaleRate(), "rate 0.1 (--set)"; got != want || l.Optim.Rate != 0.1 || l.Optim.BaseRate != 0.05 {
		t.Errorf("%s (rate %v, base %v), want %s", got, l.Optim.Rate, l.Optim.BaseRate, want)
	}
}

func TestHalveRate(t *testing.T) {
	l := example(t)
	l.Optim.BaseRate, l.Optim.WarmupStart, l.Optim.FinalRate = 0.3, 0.02, 0.001
	l.Sources["optim.rate"] = "default"
	l.ScaleRate()
	rate := l.Optim.Rate
	l.HalveRate("halved once")
	l.HalveRate("halved twice")
	if o := l.Optim; o.Rate != rate/4 || o.BaseRate != 0.075 || o.WarmupStart != 0.005 || o.FinalRate != 0.00025 {
		t.Errorf("rates are %v, base %v, from %v to %v", o.Rate, o.BaseRate, o.WarmupStart, o.FinalRate)
	}
	back, err := Load([]byte(encoded(t, l)), new(contrast))
	must(t, err)
	back.ScaleRate()
	if back.Optim.Rate != rate/4 || !strings.HasSuffix(back.Sources["optim.base_rate"], ", halved once, halved twice") {
		t.Errorf("read back, the rate is %v and base_rate is from %q", back.Optim.Rate, back.Sources["optim.base_rate"])
	}
	must(t, l.Set("optim.rate", "0.1", "--set"))
	l.HalveRate("halved")
	if o := l.Optim; o.Rate != 0.05 || l.Sources["optim.rate"] != "--set, halved" {
		t.Errorf("a rate that was given is %v, from %q", o.Rate, l.Sources["optim.rate"])
	}
}

func TestValidate(t *testing.T) {
	must(t, example(t).Validate())
	for _, c := range []struct{ path, value, want string }{
		{"optim.name", "sdg", `optim.name is "sdg": did you mean sgd? the choices are: sgd, adam, adamw, lars`},
		{"optim.momentum", "1", "optim.momentum is 1, want 0 to below 1"},
		{"optim.rate", "-1", "optim.rate is -1, want 0 or more"},
		{"train.on_collapse", "halt", `train.on_collapse is "halt": did you mean warn? the choices are: warn, stop, rewind, off`},
		{"train.epochs", "0", "train.epochs and train.max_steps are both 0, want a length: " +
			"--epochs N or --max-steps N"},
		{"train.precision", "bf61", `train.precision is "bf61": did you mean bf16? the choices are: bf16, float32`},
		{"variant.predictor_form", "square",
			`variant.predictor_form is "square": did you mean linear? the choices are: own, linear, symmetric, symmetric_mlp, direct, bias`},
		{"variant.asymmetric.predictor_mode", "train",
			`variant.asymmetric.predictor_mode is "train": did you mean trained? the choices are: none, trained, fixed`},
		{"variant.direct.rho", "1.1", "variant.direct.rho is 1.1, want 0 to 1"},
		{"variant.direct.epsilon", "-1", "variant.direct.epsilon is -1, want 0 or more"},
		{"variant.direct.constant", "1", "variant.direct.constant is 1, want below 1"},
		{"variant.direct.every", "0", "variant.direct.every is 0, want 1 or more steps"},
		{"variant.variance", "-1", "variant.variance is -1, want 0 or more"},
		{"variant.covariance", "-1", "variant.covariance is -1, want 0 or more"},
		{"data.std", "[1, 0, 1]", "data.std[1] is 0, want above 0, at most 1"},
		{"data.mean", "[1, 0]", "data.mean is [1 0], want a list of 3"},
		{"data.low", "[0]", "data.low is [0], want none, as data.high, with data.channels rgb"},
		{"probe.temperature", "0", "probe.temperature is 0, want above 0"},
		{"augment.1.solarize.p", "2", "augment.1.solarize.p is 2: a probability must be between 0 and 1"},
	} {
		l := example(t)
		must(t, l.Set(c.path, c.value, "--set"))
		wantError(t, l.Validate(), c.want)
	}
	l := example(t)
	l.Variant = Variant{} // asks for nothing
	must(t, l.Validate())
}

func FuzzLoad(f *testing.F) {
	l := example(f)
	must(f, l.Set("augment.1.solarize.p", "0.3", "--set"))
	whole := encoded(f, l)
	for _, seed := range []string{
		whole, strings.Replace(whole, "[0.2, 1]", "[1]", 1), "a: &a [*a]",
		"augment: [[{solarize: {p: 1, threshold: 3}}]]",
		"? [a]\n: b", "format: 1\n---\n{}", "method: {<<: {name: x}}", "data: {path: !!binary \"/w==\"}",
		"seed: !!int x", "train: !!map\n", "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := example(t).Merge(data, "f.yaml"); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %q", err)
		}
		if _, err := Values(data, "f.yaml"); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %q", err)
		}
		read, err := Load(data, new(contrast))
		if err != nil {
			return
		}
		text := encoded(t, read)
		again, err := Load([]byte(text), new(contrast))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%s", err, text)
		}
		if encoded(t, again) != text {
			t.Errorf("read again it differs:\n%s\n%s", text, encoded(t, again))
		}
	})
}
