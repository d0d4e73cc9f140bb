// SPDX-License-Identifier: Apache-2.0

// Command method trains an objective of its own, alignuniform.go, under the same trainer as the built-in ones: with events,
// checkpoints and an exported encoder. docs/adding-a-method.md walks through it.
//
//	go run ./examples/method
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

func main() {
	dir := "runs/" + entry.Name
	err := pretrain(context.Background(), dir, 40, func(e run.Event) {
		if e.Event == run.StepEnd {
			fmt.Printf("step %3d  loss %+.4f  alignment %.4f  uniformity %+.4f\n",
				e.Step, e.Loss.Value, e.Terms["alignment"].Value, e.Terms["uniformity"].Value)
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "method: "+err.Error())
		os.Exit(1)
	}
	fmt.Println("the run is in " + dir)
}

// pretrain makes a run of some steps in a new run directory.
func pretrain(ctx context.Context, dir string, steps int, watch func(run.Event)) (err error) {
	m := entry.New()

	c := config.Default()
	c.Method = config.MethodConfig{Name: entry.Name, Fields: m}
	c.Data.Path, c.Data.Size = "synthetic:512", 16
	c.Backbone.Width, c.Backbone.Stem = 8, string(backbone.StemFor(c.Data.Size))
	c.Augment = m.Views(c.Data.Size)
	c.Train.Batch, c.Train.MaxSteps, c.Train.Threads = 64, steps, 1 // so small a network gains nothing from more
	c.Train.EvalEvery, c.Train.SaveEvery, c.Train.LogEvery = steps, steps, 1

	data, err := dataset.Open(c.Data.Path, dataset.Options{Size: c.Data.Size})
	if err != nil {
		return err
	}
	defer data.Close()
	stats, err := dataset.ChannelStats(ctx, data, 256)
	if err != nil {
		return err
	}
	for i := range 3 {
		c.Data.Mean[i], c.Data.Std[i] = float64(stats.Mean[i]), float64(stats.Std[i])
	}
	c.Data.Images, c.Data.Fingerprint = data.Len(), data.Fingerprint
	network, err := backbone.New(c.Backbone.Name, c.Backbone.Width, backbone.Stem(c.Backbone.Stem))
	if err != nil {
		return err
	}

	config, err := config.New(&c) // the config that config.yaml is written from, each value with its source
	if err != nil {
		return err
	}
	config.ScaleRate()
	if err := config.Validate(); err != nil {
		return err
	}
	d, err := run.Create(dir, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	t, err := train.New(train.Options{
		Config: config, Method: m, Backbone: network, Dir: d, Watch: []func(run.Event){watch},
		Loader: &dataset.Loader{
			Data: data, Recipes: c.Augment, Normalize: stats, Batch: c.Train.Batch, Seed: c.Seed,
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return t.Run(ctx)
}
