// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// pretrainFlags are the flags of pretrain that do not set a value of the configuration.
type pretrainFlags struct {
	data, method, config, preset, out, resume string
	sets, probes                              []string
	json                                      bool
}

func pretrainCommand() *cobra.Command {
	var f pretrainFlags
	c := &cobra.Command{
		Use:   "pretrain (--data PATH --method NAME | --resume DIR)",
		Short: "Train an encoder on unlabelled images",
		Long: `Pretrain trains an image encoder on unlabelled images and watches whether it is learning or collapsing.

PATH is a folder of images at any depth, a .tar or .tar.gz of them, CIFAR or IDX (MNIST) files, or the word synthetic:
images drawn on the spot. A top-level folder called train is what is trained on; test or val is then what is measured on.
PATH:sub/folder selects a part. Labels are used to measure; only paws and supcon train on those of the training images.

The run directory holds everything: the configuration with every value and where it came from (config.yaml), metrics.jsonl,
TensorBoard events, checkpoints, and the encoder with torchvision's or timm's parameter names (encoder.safetensors).

What is shown: std is the standard deviation of the normalised embedding times the square root of its width (1 is spread
over all directions, 0 is collapsed to a point); rank is its effective rank; knn is the accuracy of a weighted vote of the
nearest neighbours of the backbone's features, when there are labels.

A guard looks at the embeddings of 512 images fifty times in a run, and names a collapse by the numbers that show it, with what
usually causes it in this method. --on-collapse says what it then does: warn, once for each kind of collapse; stop, after a
checkpoint; rewind, to the last checkpoint from before, to go on at half the learning rate (three times, then it stops); or
off, and nobody looks. The best checkpoint (best.json) is the one with the highest knn; without labels the newest whose
features have nearly the highest rank (RankMe). Of a collapsed network it never is.

Ctrl-C or a termination signal writes a checkpoint first. Exit statuses: 0 done, 1 it could not be done, 2 a mistake in
the command line or configuration, 3 stopped because it had collapsed, 65 the loss became NaN or infinite, 69 the engine
library is missing, 74 a file could not be written, 130 and 143 stopped by SIGINT and SIGTERM.`,
		Example: `  parallax pretrain --data photos --method simsiam
  parallax pretrain --data cifar10.tar.gz --method simclr --preset tiny-cpu --epochs 5 --out runs/simclr
  parallax pretrain --data photos --method byol --set augment.color_jitter.p=0 --probe labelled-photos
  parallax pretrain --data photos --method paws --labels some.csv
  parallax pretrain --resume runs/simclr
  parallax pretrain --resume runs/simclr --epochs 20`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := f.settings(c)
			if err != nil {
				return usage(err)
			}
			if f.resume != "" {
				return f.resumeRun(c.Context(), c.OutOrStdout(), settings)
			}
			return f.newRun(c.Context(), c.OutOrStdout(), settings)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.data, "data", "", "images: a folder, an archive, or synthetic")
	fl.StringVar(&f.method, "method", "", "objective: "+strings.Join(methodNames(), ", "))
	fl.StringVar(&f.out, "out", "", "run directory; default runs/METHOD-N")
	fl.StringVar(&f.config, "config", "", "YAML file with values of the configuration")
	fl.StringVar(&f.preset, "preset", "", "settings that go together: "+strings.Join(preset.Names, ", ")+"; default by the size and number of the images")
	fl.StringArrayVar(&f.sets, "set", nil, "set any value of the configuration, section.key=value; repeatable")
	fl.StringArrayVar(&f.probes, "probe", nil, "measure on these images instead of the training data; repeatable")
	fl.StringVar(&f.resume, "resume", "", "go on with the run in this directory")
	fl.BoolVar(&f.json, "json", false, "print events as JSON lines")
	addSettingFlags(c)
	c.RegisterFlagCompletionFunc("method", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return methodNames(), cobra.ShellCompDirectiveNoFileComp
	})
	c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// settings are all values that the command line gives.
func (f *pretrainFlags) settings(c *cobra.Command) ([]pretrain.Setting, error) {
	var all []pretrain.Setting
	if f.data != "" {
		all = append(all, pretrain.Setting{Path: "data.path", Value: f.data, Source: "flag --data"})
	}
	if f.method != "" {
		all = append(all, pretrain.Setting{Path: "method.name", Value: f.method, Source: "flag --method"})
	}
	if len(f.probes) > 0 {
		all = append(all, pretrain.Setting{Path: "probe.paths", Value: "[" + strings.Join(quoted(f.probes), ", ") + "]", Source: "flag --probe"})
	}
	given, err := givenSettings(c, f.sets)
	return append(all, given...), err
}

func quoted(texts []string) []string {
	var q []string
	for _, t := range texts {
		q = append(q, "'"+strings.ReplaceAll(t, "'", "''")+"'")
	}
	return q
}

func (f *pretrainFlags) newRun(ctx context.Context, out io.Writer, settings []pretrain.Setting) error {
	if f.data == "" && f.method == "" && f.config == "" && len(settings) == 0 {
		return usage(errors.New("nothing to train: give --data PATH and --method NAME, or --resume DIR (parallax pretrain --help has examples)"))
	}
	text, err := readConfigFile(f.config)
	if err != nil {
		return err
	}
	o, end := shown(out, f.json, "")
	o.Out = f.out
	result, err := pretrain.Run(ctx, &pretrain.Request{File: f.config, Text: text, Preset: f.preset, Settings: settings}, o)
	end(result, err)
	return err
}

func (f *pretrainFlags) resumeRun(ctx context.Context, out io.Writer, settings []pretrain.Setting) error {
	for _, other := range []struct{ flag, value string }{{"--out", f.out}, {"--config", f.config}, {"--preset", f.preset}} {
		if other.value != "" {
			return usage(fmt.Errorf("--resume goes on with the run as it is: leave out %s", other.flag))
		}
	}
	o, end := shown(out, f.json, "")
	result, err := pretrain.Resume(ctx, f.resume, settings, o)
	end(result, err)
	return err
}

// shown lets a console show a run. again is the command that goes on with what was stopped, "" for pretrain's.
func shown(out io.Writer, asJSON bool, again string) (o pretrain.Options, end func(*pretrain.Result, error)) {
	c := newConsole(out, asJSON)
	c.again = again
	return pretrain.Options{Watch: []func(run.Event){c.show}, Note: c.note, Begin: c.begin}, c.end
}

func readConfigFile(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage(fmt.Errorf("reading the config: %w", err))
	}
	return text, nil
}
