// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/cluster/report"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// Names in a clustering's folder, beside those of package cluster/report.
const (
	choosePrefix   = "choose-"                // a short clustering stage; the number of clusters follows
	neighboursFile = "neighbours.safetensors" // the nearest neighbours of every image, by the pretext's features
	headsFile      = "heads-%d.safetensors"   // heads trained on the pretext's features; the number of clusters
)

// Plan is what to do in a clustering. It is kept in the folder, so that a resume needs no settings.
type Plan struct {
	Data     string    `json:"data"`
	Classes  []int     `json:"classes"`           // numbers of clusters; of several, one is chosen
	Pretext  string    `json:"pretext,omitempty"` // the run with the encoder; "": train one
	Method   string    `json:"method,omitempty"`  // the method that trains it
	Preset   string    `json:"preset,omitempty"`
	Settings []Setting `json:"settings,omitempty"`
}

// Setting is a value of the configuration of one stage, or of all stages if Stage is empty.
type Setting struct {
	Stage  string `json:"stage,omitempty"`
	Path   string `json:"path"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// MarshalJSON writes the plan; a path need not be UTF-8.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	return json.Marshal(struct {
		Data filename.Name `json:"data"`
		*plain
		Pretext filename.Name `json:"pretext,omitempty"`
	}{filename.Name(p.Data), (*plain)(p), filename.Name(p.Pretext)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Plan) UnmarshalJSON(text []byte) error {
	type plain Plan
	paths := struct{ Data, Pretext filename.Name }{}
	err := errors.Join(json.Unmarshal(text, (*plain)(p)), json.Unmarshal(text, &paths))
	p.Data, p.Pretext = string(paths.Data), string(paths.Pretext)
	return err
}

// MarshalJSON writes the setting, whose value may be a path.
func (s Setting) MarshalJSON() ([]byte, error) {
	type plain Setting
	return json.Marshal(struct {
		plain
		Value  filename.Name `json:"value"`
		Source filename.Name `json:"source"`
	}{plain(s), filename.Name(s.Value), filename.Name(s.Source)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Setting) UnmarshalJSON(text []byte) error {
	type plain Setting
	names := struct{ Value, Source filename.Name }{}
	err := errors.Join(json.Unmarshal(text, (*plain)(s)), json.Unmarshal(text, &names))
	s.Value, s.Source = string(names.Value), string(names.Source)
	return err
}

// Open reads the plan of the clustering in a folder.
func Open(dir string) (*Plan, error) {
	text, err := os.ReadFile(filepath.Join(dir, report.PlanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no clustering: it has no %s", dir, report.PlanFile)
	}
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	if err := json.Unmarshal(text, p); err != nil || len(p.Classes) == 0 {
		return nil, fmt.Errorf("reading %s: it is damaged (%v): begin again with another --out",
			filepath.Join(dir, report.PlanFile), err)
	}
	return p, nil
}

// Create writes the plan into a new or empty folder.
func (p *Plan) Create(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return run.Output("making the clustering's output", err)
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == report.PlanFile }) {
		return fmt.Errorf("%s holds a clustering: continue it with --resume %s, or choose another --out", dir, dir)
	}
	for _, e := range entries {
		if e.Name() != run.LockFile && !run.IsTemporary(e.Name()) { // a process may have died before it wrote the plan
			return fmt.Errorf("%s is not empty (it holds %s): choose another --out", dir, e.Name())
		}
	}
	if err := run.MakeFolder(dir); err != nil {
		return run.Output("making the clustering's output", err)
	}
	if err := run.RemoveTemporaries(dir); err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(dir, report.PlanFile), run.JSON(p))
}

// Request is what the user asks for.
type Request struct {
	Data     string
	Classes  string             // a number of clusters, several numbers as in "5,10,20", or "auto"
	Pretext  string             // the directory of a run with an encoder; "": train one
	Method   string             // the method that trains it
	Chosen   bool               // whether the user named the method
	Preset   string             // "": chosen by the images
	File     string             // name of a config file with values for all stages, "" for none
	Text     []byte             // content of the config file
	Settings []pretrain.Setting // a path may begin with a stage: "clustering.train.epochs"
}

// NewPlan makes a plan of the request. It finds all mistakes that can be found before the first stage. A mistake in the
// request is a [*run.InvalidError].
func NewPlan(ctx context.Context, r Request) (*Plan, error) {
	p := &Plan{Data: r.Data, Pretext: r.Pretext, Method: r.Method, Preset: r.Preset}
	if p.Preset != "" && !slices.Contains(preset.Names, p.Preset) {
		return nil, run.Invalid(fmt.Errorf("unknown preset %q: the presets are %s",
			p.Preset, strings.Join(preset.Names, ", ")))
	}
	if err := p.setMethod(r.Chosen); err != nil {
		return nil, err
	}
	values, err := config.Values(r.Text, r.File)
	if err != nil {
		return nil, run.Invalid(err)
	}
	var all []pretrain.Setting
	for _, v := range values {
		all = append(all, pretrain.Setting{Path: v.Path, Value: v.Text, Source: "config " + r.File})
	}
	labels, split := "", ""
	for _, s := range append(all, r.Settings...) {
		stage, path, err := ofStage(s.Path)
		if err != nil {
			return nil, run.Invalid(err)
		}
		switch path {
		case "data.path":
			if p.Data == "" {
				p.Data = s.Value
			}
			continue
		case "data.labels":
			labels = s.Value
		case "data.split":
			split = s.Value
		}
		p.Settings = append(p.Settings, Setting{stage, path, s.Value, s.Source})
	}
	if p.Data == "" {
		return nil, run.Invalid(errors.New("no data given: add --data PATH " +
			"(a folder, an archive, or the word synthetic)"))
	}
	source, err := dataset.Open(p.Data, dataset.Options{Labels: labels, Split: split})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := p.setClasses(r.Classes, source.Len()); err != nil {
		return nil, err
	}
	return p, p.check(ctx)
}

// check resolves the settings of every stage, so that a mistake is found before the first stage begins.
func (p *Plan) check(ctx context.Context) error {
	stages := map[string]string{report.Clustering: "scan", report.SelfLabel: "scan-selflabel"}
	if p.Pretext == "" {
		stages[report.Pretext] = p.Method
	}
	for _, stage := range slices.Sorted(maps.Keys(stages)) {
		j, err := p.describe(ctx, stage, stages[stage], "")
		if err != nil {
			return fmt.Errorf("stage %s: %w", stage, err)
		}
		if err := j.Close(); err != nil {
			return err
		}
	}
	return nil
}

// setMethod checks the pretext: a method, or a run.
func (p *Plan) setMethod(chosen bool) error {
	if p.Pretext != "" {
		if chosen {
			return run.Invalid(errors.New("--run gives the encoder, so there is no pretext to train: " +
				"leave out --method"))
		}
		p.Method = ""
		if _, err := run.ReadConfig(p.Pretext); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(p.Pretext, run.EncoderFile)); err != nil {
			return fmt.Errorf("the run in %s has no %s yet: finish it first with  parallax pretrain --resume %s",
				p.Pretext, run.EncoderFile, p.Pretext)
		}
		return nil
	}
	e, err := method.Find(p.Method)
	if err != nil {
		return run.Invalid(err)
	}
	if _, ok := parallax.As[parallax.Stager](e.New()); ok {
		return run.Invalid(fmt.Errorf("--method %s is a stage that follows the pretext: leave it out, "+
			"or name a method that trains the pretext", p.Method))
	}
	return nil
}

// setClasses reads the numbers of clusters from text: a number, several, or auto, which goes by the number of images.
func (p *Plan) setClasses(text string, images int) error {
	if text == "auto" {
		for _, k := range []int{5, 10, 20, 50} {
			if k <= images/4 {
				p.Classes = append(p.Classes, k)
			}
		}
		if len(p.Classes) == 0 {
			return run.Invalid(fmt.Errorf("--classes auto needs at least 20 images and there are %d: give a number",
				images))
		}
		return nil
	}
	for _, part := range strings.Split(text, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(part))
		switch {
		case err != nil:
			return run.Invalid(fmt.Errorf("--classes %s: want a number, several as in 5,10,20, or auto", text))
		case k < 2:
			return run.Invalid(fmt.Errorf("--classes %s: at least 2 clusters", text))
		case k > images:
			return run.Invalid(fmt.Errorf("--classes %s: there are only %d images", text, images))
		}
		p.Classes = append(p.Classes, k)
	}
	slices.Sort(p.Classes)
	p.Classes = slices.Compact(p.Classes)
	return nil
}

// describe resolves the settings of a stage, without measuring the images' mean and deviation. The caller closes the
// job.
func (p *Plan) describe(ctx context.Context, stage, method, encoder string) (*pretrain.Job, error) {
	settings, err := p.settings(stage, encoder)
	if err != nil {
		return nil, err
	}
	settings = append(settings,
		pretrain.Setting{Path: "data.mean", Value: "[0.5, 0.5, 0.5]"},
		pretrain.Setting{Path: "data.std", Value: "[0.5, 0.5, 0.5]"},
		pretrain.Setting{Path: "method.name", Value: method})
	return pretrain.Resolve(ctx, &pretrain.Request{Preset: p.Preset, Settings: settings, Stage: true})
}

// ofStage splits a setting's path into the stage and the rest. A value that cannot be the same in all stages must name
// its stage.
func ofStage(path string) (stage, rest string, err error) {
	for _, stage := range []string{report.Pretext, report.Clustering, report.SelfLabel} {
		if rest, ok := strings.CutPrefix(path, stage+"."); ok {
			return stage, rest, nil
		}
	}
	section, _, _ := strings.Cut(path, ".")
	if slices.Contains([]string{"method", "variant", "augment", "optim"}, section) {
		return "", "", fmt.Errorf("%s differs between stages: name the stage, --set %s.%s=..., or with %s or %s",
			path, report.Pretext, path, report.Clustering, report.SelfLabel)
	}
	return "", path, nil
}

// inherited are the settings that a stage takes from the run of its encoder.
var inherited = []string{
	"backbone.name", "backbone.width", "backbone.stem", "backbone.norm", "data.size", "data.mean", "data.std",
}

// settings returns the settings of a stage: values of the encoder's run, then those of all stages, then the stage's
// own.
func (p *Plan) settings(stage string, encoder string) ([]pretrain.Setting, error) {
	all := []pretrain.Setting{{Path: "data.path", Value: p.Data, Source: "flag --data"}}
	if encoder != "" {
		text, err := run.ReadConfig(filepath.Dir(encoder))
		if err != nil {
			return nil, err
		}
		values, err := config.Values(text, run.ConfigFile)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if slices.Contains(inherited, v.Path) {
				all = append(all, pretrain.Setting{Path: v.Path, Value: v.Text, Source: "pretext"})
			}
		}
		all = append(all, pretrain.Setting{Path: "backbone.init", Value: encoder, Source: "the stage before"})
	}
	for _, only := range []string{"", stage} {
		for _, s := range p.Settings {
			if s.Stage == only {
				all = append(all, pretrain.Setting{Path: s.Path, Value: s.Value, Source: s.Source})
			}
		}
	}
	return all, nil
}
