// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/cluster"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// clusterFlags are the flags of cluster that set no value of the configuration.
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
		Long: `Cluster sorts unlabelled images into K clusters by what they show, with SCAN (Van Gansbeke et al. 2020).
Every stage is a run in a subfolder of the output:

  pretext     trains an encoder by any method (--method); with --run there is no such stage
  clustering  trains heads, and in most presets the backbone, to give every image the cluster of its nearest
              neighbours, and keeps the head with the lowest loss
  selflabel   trains on the images whose cluster is the most certain, unless that empties clusters

Before the clustering stage the command says, without labels, whether the pretext is good enough: how well
several heads agree, and how many neighbours stay when an image is augmented. It also clusters the
pretext's features by k-means, to compare with.

The output holds clusters.csv (path, cluster, confidence), a contact sheet of every cluster in contact/,
and report.json. The clusters are those of the stage with the best score, which needs no labels: how much
the cluster of an image says about those of its nearest neighbours. Labels, if there are any, are used
only to measure: accuracy under the best matching of clusters to classes (ACC), NMI and ARI, kNN and
linear accuracy before and after, and how many of the nearest neighbours share an image's label.

--classes auto tries 5, 10, 20 and 50 clusters; --classes 4,8,12 tries those. Each try takes a fifth of
the clustering stage. The number on which the heads agree best is chosen: the mean adjusted Rand index
over pairs of heads, and of numbers within 0.01 the largest. A grouping that comes out again need not be
the one you want, and the heads share a backbone. So look at the table and at the contact sheets.

Flags and --set section.key=value apply to all stages; --set STAGE.section.key=value applies to one of
pretext, clustering and selflabel. Ctrl-C stops a clustering between stages or within one; --resume
resumes it. Signals do what they do to pretrain.` +
			statuses(trainingEnds...),
		Example: `  parallax cluster --data photos --classes 10
  parallax cluster --data photos --classes auto --run runs/simclr-1
  parallax cluster --data photos --classes 10 --method byol --set pretext.train.epochs=200
  parallax cluster --resume runs/cluster-1`,
		Args:    noArguments,
		PreRunE: enough,
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := f.plan(c)
			if err != nil {
				return err
			}
			return f.run(c.Context(), c.OutOrStdout(), p)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, a list, a pattern, or synthetic")
	fl.StringVar(&f.classes, "classes", "", "number of clusters; or several to choose from, such as 5,10,20; or auto")
	fl.StringVar(&f.method, "method", "simclr", "method of the pretext stage: "+strings.Join(pretextNames(), ", "))
	fl.StringVar(&f.pretext, "run", "", "use the encoder of this run instead of training one")
	fl.StringVar(&f.out, "out", "", "output; default runs/cluster-N")
	fl.StringVar(&f.config, "config", "", "YAML file with values for all stages")
	fl.StringVar(&f.preset, "preset", "", presetHelp())
	fl.StringArrayVar(&f.sets, "set", nil, "set a value, [STAGE.]section.key=value; repeatable")
	fl.StringVar(&f.resume, "resume", "", "resume the clustering in this folder")
	fl.BoolVar(&f.json, "json", false, "print events, and the report at the end, as JSON lines")
	addSettingFlags(c)
	return c
}

// pretextNames are the methods that can train the pretext stage.
func pretextNames() []string {
	return slices.DeleteFunc(methodNames(), func(name string) bool {
		e, err := method.Find(name)
		_, stage := parallax.As[parallax.Stager](e.New())
		return err != nil || stage
	})
}

// plan makes or reads the plan, and sets f.out to the plan's folder.
func (f *clusterFlags) plan(c *cobra.Command) (*cluster.Plan, error) {
	if f.resume != "" {
		var given []string
		c.Flags().Visit(func(fl *pflag.Flag) { given = append(given, fl.Name) })
		for _, name := range given {
			if name != "resume" && name != "json" {
				return nil, usage(fmt.Errorf("--resume keeps the settings of the clustering: leave out --%s", name))
			}
		}
		f.out = f.resume
		return cluster.Open(f.resume)
	}
	if f.data == "" && f.config == "" || f.classes == "" {
		return nil, usage(errors.New(
			"cluster needs --data PATH and --classes K, or --resume DIR (parallax cluster --help has examples)"))
	}
	text, err := readConfigFile(f.config)
	if err != nil {
		return nil, err
	}
	settings, err := givenSettings(c, f.sets)
	if err != nil {
		return nil, usage(err)
	}
	p, err := cluster.NewPlan(c.Context(), cluster.Request{
		Data: f.data, Classes: f.classes, Pretext: f.pretext, Method: f.method, Chosen: c.Flags().Changed("method"),
		Preset: f.preset, File: f.config, Text: text, Settings: settings,
	})
	if err != nil {
		return nil, err
	}
	if f.out == "" {
		f.out = run.Vacant("runs", "cluster")
	}
	return p, p.Create(f.out)
}

// run makes the clustering and prints the report.
func (f *clusterFlags) run(ctx context.Context, out io.Writer, p *cluster.Plan) error {
	outliveReader()
	note := func(text string) {
		text = printable.Text(text)
		if f.json {
			fmt.Fprintln(os.Stderr, "parallax: "+text) // standard output stays JSON
			return
		}
		fmt.Fprintln(out, text)
	}
	stage := func(string) (pretrain.Options, func(*pretrain.Result, error)) {
		return shown(out, f.json, "parallax cluster --resume "+f.out)
	}
	r, err := cluster.Run(ctx, f.out, p, cluster.Options{Note: note, Stage: stage})
	if err != nil {
		return err
	}
	if f.json {
		return forReader(json.NewEncoder(out).Encode(r.Report))
	}
	for _, line := range r.Summary {
		note(line)
	}
	return nil
}
