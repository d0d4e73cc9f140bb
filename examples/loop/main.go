// SPDX-License-Identifier: Apache-2.0

// Command loop trains SimSiam on synthetic images with its training loop in plain sight. It does what package train
// does, without hooks, checkpoints and events.
//
//	go run ./examples/loop
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/optim"
	"github.com/parallax-ssl/parallax/torch"
)

const (
	size  = 16 // of a view, in pixels
	batch = 64
	seed  = 1
)

func main() {
	if err := train(context.Background(), os.Stdout, 50); err != nil {
		fmt.Fprintln(os.Stderr, "loop: "+err.Error())
		os.Exit(1)
	}
}

// train makes the given number of optimiser steps and writes one line for each to out.
func train(ctx context.Context, out io.Writer, steps int) error {
	data, err := dataset.Open("synthetic", dataset.Options{Size: size})
	if err != nil {
		return err
	}
	defer data.Close()
	stats, err := dataset.ChannelStats(ctx, data, 256)
	if err != nil {
		return err
	}
	network, err := backbone.New("resnet18", 8, backbone.StemFor(size))
	if err != nil {
		return err
	}
	m := method.NewSimSiam()
	m.Projector.Widths, m.Predictor.Widths = []int{64, 64, 64}, []int{16, 64} // the paper's are for a ResNet-50
	loader := &dataset.Loader{Data: data, Recipes: m.Views(size), Normalize: stats, Batch: batch, Seed: seed}

	// The parameters and the optimiser's state outlive the scope in which they are made. Free releases them.
	params := nn.NewParams(seed, torch.F32)
	var optimizer *optim.Optimizer
	if err := torch.Scope(func() error {
		torch.SetThreads(1) // a small network gains nothing from more, and equal bits need equal threads
		m.Build(&parallax.Build{
			Params: params, Backbone: network, Size: size, Batch: batch, Images: data.Len(), Steps: steps,
		})
		optimizer = optim.New(optim.SGD{Momentum: 0.9, WeightDecay: 5e-4}, params.Trainable())
		return nil
	}); err != nil {
		return err
	}
	defer torch.Scope(func() error { optimizer.Free(); params.Free(); return nil })

	rate := optim.WarmupCosine{Base: 0.015, Warmup: steps / 10, Total: steps} // 0.06 x 64/256
	for at := 0; at < steps; {
		for b, err := range loader.Epoch(ctx, at/loader.Steps(), at%loader.Steps()) {
			if err != nil {
				return err
			}
			err := torch.Scope(func() error { // every tensor of this step is freed when it ends
				s := parallax.NewStep(at, steps)
				for _, v := range b.Views {
					s.Views = append(s.Views, torch.FromFloat32(v.Data, v.N, v.C, v.H, v.W).ChannelsLast())
				}
				b.Release() // the tensors hold copies of the pixels

				z := m.Forward(s)
				loss := m.Loss(s, z)
				loss.Backward()
				optimizer.Step(rate.At(at), rate.Base, m.Groups(s))
				for _, p := range params.Trainable() {
					p.Tensor.SetGrad(torch.Tensor{})
				}

				c := measure.Embedding(z[0])
				fmt.Fprintf(out, "step %3d  loss %+.4f  std %.3f  mean cosine %.3f  effective rank %.1f\n",
					at+1, loss.Item(), c.Std, c.MeanCosine, c.EffectiveRank)
				return nil
			})
			if err != nil {
				return err
			}
			if at++; at == steps {
				break
			}
		}
	}
	return nil
}
