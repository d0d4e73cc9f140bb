// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/run"
)

// The stages of a clustering, each a run in a folder of that name, and what else the folder around them holds.
const (
	pretextStage    = "pretext"
	choosePrefix    = "choose-" // and a number of clusters
	clusteringStage = "clustering"
	selfLabelStage  = "selflabel"

	planFile       = "cluster.json"           // what was asked for
	neighboursFile = "neighbours.safetensors" // of every image, by the pretext's features
	clustersFile   = "clusters.csv"           // path, cluster, confidence; in each stage, too
	reportFile     = "report.json"
	contactFolder  = "contact"
)

// clusterFlags are the flags of cluster that do not set a value of the configuration.
type clusterFlags struct {
	data, classes, method, pretext, config, preset, out, resume string
	sets                                                        []string
	json                                                        bool
}

func clusterCommand() *cobra.Command {
	var f clusterFlags
	c := &cobra.Command{
		Use:   "cluster (--data PATH --classes K | --resume DIR)",
		Short: "Sort unlabelled images into clusters (SCAN)",
		Long: `Cluster sorts images into K clusters of what they show, without labels, by SCAN (Van Gansbeke et al. 2020), in stages that
are runs in subfolders of the output: pretext trains an encoder by any method (--method), or --run gives one that there is;
clustering gives every image the cluster of its nearest neighbours, by several heads of which the best by loss is taken, and
trains the backbone, too; selflabel trains on the images that it is sure of.

It leaves clusters.csv (path, cluster, confidence), a contact sheet of every cluster in contact, and report.json. Where the
images have labels they are used to measure: accuracy under the best matching of clusters to classes (ACC), NMI and ARI, kNN
and linear accuracy before and after, and how many of the nearest neighbours have an image's own label.

--classes auto tries 5, 10, 20 and 50, and --classes 4,8,12 those, with a fifth of the clustering stage each, and takes the
number on which the heads agree best (the mean adjusted Rand index of each with each other; of those within 0.01, the
largest). That a grouping comes out again does not make it the one that is wanted, and heads share a backbone, so look at
the table and the sheets.

Flags and --set section.key=value hold for all stages; --set STAGE.section.key=value for one of pretext, clustering and
selflabel. What Ctrl-C has stopped, --resume goes on with, between stages and within.`,
		Example: `  parallax cluster --data photos --classes 10
  parallax cluster --data photos --classes auto --run runs/simclr-1
  parallax cluster --data photos --classes 10 --method byol --set pretext.train.epochs=200 --set clustering.train.epochs=50
  parallax cluster --resume runs/cluster-1`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.prepare(c)
			if err != nil {
				return err
			}
			k := &clustering{ctx: c.Context(), out: c.OutOrStdout(), json: f.json, dir: f.out, plan: p}
			return k.run()
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, or synthetic")
	fl.StringVar(&f.classes, "classes", "", "number of clusters; several to choose from, 5,10,20; or auto")
	fl.StringVar(&f.method, "method", "simclr", "objective of the pretext: "+strings.Join(pretextNames(), ", "))
	fl.StringVar(&f.pretext, "run", "", "take the encoder of this run instead of training one")
	fl.StringVar(&f.out, "out", "", "output; default runs/cluster-N")
	fl.StringVar(&f.config, "config", "", "YAML file with values for all stages")
	fl.StringVar(&f.preset, "preset", "", "settings that go together: "+strings.Join(preset.Names, ", ")+"; default by the size and number of the images")
	fl.StringArrayVar(&f.sets, "set", nil, "set a value, [STAGE.]section.key=value; repeatable")
	fl.StringVar(&f.resume, "resume", "", "go on with the clustering in this folder")
	fl.BoolVar(&f.json, "json", false, "print events, and at the end the report, as JSON lines")
	addSettingFlags(c)
	return c
}

// pretextNames are the methods that can be a pretext.
func pretextNames() []string {
	return slices.DeleteFunc(methodNames(), func(name string) bool {
		e, err := method.Find(name)
		_, stage := e.New().(parallax.Stager)
		return err != nil || stage
	})
}

// plan is what was asked for. It is kept in the output, so that --resume needs to be told nothing.
type plan struct {
	Data     string    `json:"data"`
	Classes  []int     `json:"classes"`           // several: one is chosen
	Pretext  string    `json:"pretext,omitempty"` // the run whose encoder is taken; "": one is trained
	Method   string    `json:"method,omitempty"`  // by this method
	Preset   string    `json:"preset,omitempty"`
	Settings []planned `json:"settings,omitempty"`
}

// planned is a setting of one stage, or of all.
type planned struct {
	Stage  string `json:"stage,omitempty"`
	Path   string `json:"path"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// prepare makes or reads the plan, and sets f.out to where it lies.
func (f *clusterFlags) prepare(c *cobra.Command) (*plan, error) {
	if f.resume != "" {
		var given []string
		c.Flags().Visit(func(fl *pflag.Flag) { given = append(given, fl.Name) })
		for _, name := range given {
			if name != "resume" && name != "json" {
				return nil, usage(fmt.Errorf("--resume goes on with the clustering as it is: leave out --%s", name))
			}
		}
		f.out = f.resume
		return readPlan(f.resume)
	}
	p, err := f.newPlan(c)
	if err != nil {
		return nil, err
	}
	if f.out == "" {
		f.out = vacantName("runs", "cluster")
	}
	return p, p.write(f.out)
}

func readPlan(dir string) (*plan, error) {
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no clustering: it has no %s", dir, planFile)
	}
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if err := json.Unmarshal(text, p); err != nil || len(p.Classes) == 0 {
		return nil, fmt.Errorf("reading %s: it is damaged (%v): begin again with another --out", filepath.Join(dir, planFile), err)
	}
	return p, nil
}

// write puts the plan into a new folder.
func (p *plan) write(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == planFile }) {
		return fmt.Errorf("%s holds a clustering: go on with --resume %s, or choose another --out", dir, dir)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty (it holds %s): choose another --out", dir, entries[0].Name())
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(dir, planFile), indented(p))
}

func indented(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
}

// newPlan reads the command line and checks what can be checked before the first stage.
func (f *clusterFlags) newPlan(c *cobra.Command) (*plan, error) {
	if f.data == "" && f.config == "" || f.classes == "" {
		return nil, usage(errors.New("cluster needs --data PATH and --classes K, or --resume DIR (parallax cluster --help has examples)"))
	}
	p := &plan{Data: f.data, Pretext: f.pretext, Method: f.method, Preset: f.preset}
	if p.Preset != "" && !slices.Contains(preset.Names, p.Preset) {
		return nil, usage(fmt.Errorf("unknown preset %q: there are %s", p.Preset, strings.Join(preset.Names, ", ")))
	}
	if err := p.setMethod(c.Flags().Changed("method")); err != nil {
		return nil, err
	}
	text, err := readConfigFile(f.config)
	if err != nil {
		return nil, err
	}
	values, err := run.Values(text, f.config)
	if err != nil {
		return nil, usage(err)
	}
	given, err := givenSettings(c, f.sets)
	if err != nil {
		return nil, usage(err)
	}
	var all []setting
	for _, v := range values {
		all = append(all, setting{v.Path, v.Text, "config " + f.config})
	}
	labels, split := "", ""
	for _, s := range append(all, given...) {
		stage, path, err := ofStage(s.path)
		if err != nil {
			return nil, usage(err)
		}
		switch path {
		case "data.path":
			if p.Data == "" {
				p.Data = s.value
			}
			continue
		case "data.labels":
			labels = s.value
		case "data.split":
			split = s.value
		}
		p.Settings = append(p.Settings, planned{stage, path, s.value, s.source})
	}
	if p.Data == "" {
		return nil, usage(errors.New("no data given: add --data PATH (a folder, an archive, or the word synthetic)"))
	}
	source, err := dataset.Open(p.Data, dataset.Options{Labels: labels, Split: split})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := p.setClasses(f.classes, source.Len()); err != nil {
		return nil, err
	}
	return p, p.check(c.Context())
}

// check describes every stage once, so that a mistake in its settings is found before the first begins.
func (p *plan) check(ctx context.Context) error {
	stages := map[string]string{clusteringStage: "scan", selfLabelStage: "scan-selflabel"}
	if p.Pretext == "" {
		stages[pretextStage] = p.Method
	}
	for _, stage := range slices.Sorted(maps.Keys(stages)) {
		j, err := p.describe(ctx, stage, stages[stage], "")
		if err != nil {
			return fmt.Errorf("stage %s: %w", stage, err)
		}
		if err := j.source.Close(); err != nil {
			return err
		}
	}
	return nil
}

// setMethod checks the pretext: a method, or a run.
func (p *plan) setMethod(chosen bool) error {
	if p.Pretext != "" {
		if chosen {
			return usage(errors.New("--run gives the encoder, so there is no pretext to train: leave out --method"))
		}
		p.Method = ""
		if _, err := run.ReadConfig(p.Pretext); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(p.Pretext, run.EncoderFile)); err != nil {
			return fmt.Errorf("the run in %s has no %s yet: go on with it first, parallax pretrain --resume %s", p.Pretext, run.EncoderFile, p.Pretext)
		}
		return nil
	}
	e, err := method.Find(p.Method)
	if err != nil {
		return usage(err)
	}
	if _, ok := e.New().(parallax.Stager); ok {
		return usage(fmt.Errorf("--method %s is what this command does after the pretext: leave it out, or name a method that can be one", p.Method))
	}
	return nil
}

// setClasses reads a number of clusters, several, or auto, for a number of images.
func (p *plan) setClasses(text string, images int) error {
	if text == "auto" {
		for _, k := range []int{5, 10, 20, 50} {
			if k <= images/4 {
				p.Classes = append(p.Classes, k)
			}
		}
		if len(p.Classes) == 0 {
			return usage(fmt.Errorf("--classes auto needs 20 images at least and there are %d: give a number", images))
		}
		return nil
	}
	for _, part := range strings.Split(text, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(part))
		switch {
		case err != nil:
			return usage(fmt.Errorf("--classes %s: want a number, several as in 5,10,20, or auto", text))
		case k < 2:
			return usage(fmt.Errorf("--classes %s: at least 2 clusters", text))
		case k > images:
			return usage(fmt.Errorf("--classes %s: there are only %d images", text, images))
		}
		p.Classes = append(p.Classes, k)
	}
	slices.Sort(p.Classes)
	p.Classes = slices.Compact(p.Classes)
	return nil
}

// describe says what a stage will be. The images' statistics are not looked at. Close its source.
func (p *plan) describe(ctx context.Context, stage, method, encoder string) (*job, error) {
	settings, err := p.settings(stage, encoder)
	if err != nil {
		return nil, err
	}
	settings = append(settings, setting{"data.mean", "[0.5, 0.5, 0.5]", ""}, setting{"data.std", "[0.5, 0.5, 0.5]", ""}, setting{"method.name", method, ""})
	return resolve(ctx, &request{preset: p.Preset, settings: settings, stage: true})
}

// ofStage takes the stage off a setting's path. A value that cannot be the same in all stages must have one.
func ofStage(path string) (stage, rest string, err error) {
	for _, stage := range []string{pretextStage, clusteringStage, selfLabelStage} {
		if rest, ok := strings.CutPrefix(path, stage+"."); ok {
			return stage, rest, nil
		}
	}
	section, _, _ := strings.Cut(path, ".")
	if slices.Contains([]string{"method", "augment", "optim"}, section) {
		return "", "", fmt.Errorf("%s differs between stages: say which one, --set %s.%s=..., %s or %s", path, pretextStage, path, clusteringStage, selfLabelStage)
	}
	return "", path, nil
}

// settings are those of a stage: what the pretext's run was, what holds for all, what holds for the stage.
func (p *plan) settings(stage string, encoder string) ([]setting, error) {
	all := []setting{{"data.path", p.Data, "flag --data"}}
	if encoder != "" {
		text, err := run.ReadConfig(filepath.Dir(encoder))
		if err != nil {
			return nil, err
		}
		values, err := run.Values(text, run.ConfigFile)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if slices.Contains([]string{"backbone.name", "backbone.width", "backbone.stem", "backbone.norm", "data.size", "data.mean", "data.std"}, v.Path) {
				all = append(all, setting{v.Path, v.Text, "pretext"})
			}
		}
		all = append(all, setting{"backbone.init", encoder, "the stage before"})
	}
	for _, only := range []string{"", stage} {
		for _, s := range p.Settings {
			if s.Stage == only {
				all = append(all, setting{s.Path, s.Value, s.Source})
			}
		}
	}
	return all, nil
}

// clustering is the command at work.
type clustering struct {
	ctx  context.Context
	out  io.Writer
	json bool
	dir  string // of the output
	*plan

	near [][]int // of every image its nearest others, once known
}
