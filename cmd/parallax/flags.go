// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/pretrain"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

// flagError says what is wrong with a flag. It suggests the nearest known flag, or says what the value must be.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var twice *twiceError
	switch {
	case errors.As(err, &twice):
		return twice
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		name := unknown.GetSpecifiedName()
		return fmt.Errorf("unknown flag --%s: did you mean --%s? (%s --help lists the flags)", name,
			spelling.Nearest(name, names), c.CommandPath())
	case errors.As(err, &invalid):
		kinds := map[string]string{
			"bool": "true or false", "int": "a whole number", "uint64": "a whole number, 0 or more",
			"size": "a size, such as 64MiB", "duration": "a time, such as 2ms",
		}
		f := invalid.GetFlag()
		want := cmp.Or(kinds[f.Value.Type()], f.Value.Type())
		return fmt.Errorf("flag --%s: %q is not %s", f.Name, invalid.GetValue(), want)
	}
	return fmt.Errorf("%w (%s --help lists the flags)", err, c.CommandPath())
}

// settingFlag is a flag that is short for --set path=value.
type settingFlag struct{ flag, path, kind, help string }

// settingFlags are the flags of pretrain and cluster that set one value of the configuration.
var settingFlags = []settingFlag{
	{"backbone", "backbone.name", "string", "network: " + strings.Join(backboneNames(), ", ")},
	{"epochs", "train.epochs", "int", "length of the run in passes over the data"},
	{"max-steps", "train.max_steps", "int", "length of the run in optimiser steps, instead of epochs"},
	{"batch", "train.batch", "int", "images per batch"},
	{"channels", "data.channels", "string",
		"rgb, keep (channels and depth of TIFF and PNG), or pages (TIFF pages as channels); default rgb"},
	{"size", "data.size", "int", "side of a view in pixels; default by the images"},
	{"labels", "data.labels", "string",
		"none, folders, or a CSV file of path,label; used to measure, and by paws and supcon to train"},
	{"split", "data.split", "string", splitHelp},
	{"seed", "seed", "uint", "seed of everything random"},
	{"eval-every", "train.eval_every", "int", "optimiser steps between evaluations; default one epoch"},
	{"save-every", "train.save_every", "int", "optimiser steps between checkpoints; default one epoch"},
	{"on-collapse", "train.on_collapse", "string",
		"what to do when the run has collapsed: warn, stop, rewind, off; default warn"},
	{"log-every", "train.log_every", "int", "optimiser steps between lines of metrics"},
	{"precision", "train.precision", "string", "bf16 or float32; default bf16 where it is faster"},
	{"device", "train.device", "string", "cpu or cuda"},
	{"threads", "train.threads", "int", "threads of the engine; default one per core"},
	{"workers", "train.workers", "int", "threads that read and augment images; default one per core"},
	{"memory", "train.memory", "size", "memory that the run may use, such as 4GiB; default what the machine allows"},
	{"init", "backbone.init", "string", "safetensors file with weights to start from"},
}

const splitHelp = "train, val, test, all, or none (no folder is a split); default train if there are splits"

func backboneNames() []string {
	var names []string
	for _, e := range backbone.All {
		names = append(names, e.Name)
	}
	return names
}

// addSettingFlags declares the settingFlags on c, but for some. A value is kept as text: the configuration checks it.
func addSettingFlags(c *cobra.Command, without ...string) {
	for _, f := range settingFlags {
		if !slices.Contains(without, f.flag) {
			c.Flags().Var(&textFlag{kind: f.kind}, f.flag, f.help)
		}
	}
}

type textFlag struct{ kind, text string }

func (t *textFlag) String() string     { return t.text }
func (t *textFlag) Set(s string) error { t.text = s; return nil }
func (t *textFlag) Type() string       { return t.kind }

// givenSettings returns the values that the command line sets: those of flags first, then those of --set, in order.
func givenSettings(c *cobra.Command, sets []string) ([]pretrain.Setting, error) {
	var all []pretrain.Setting
	for _, f := range settingFlags {
		if given := c.Flags().Lookup(f.flag); given != nil && given.Changed {
			for _, s := range sets {
				if value, ok := strings.CutPrefix(s, f.path+"="); ok && value != given.Value.String() {
					return nil, fmt.Errorf("--%s %s and --set %s are two values of %s: leave one out", f.flag,
						printable.Name(given.Value.String()), printable.Name(s), f.path)
				}
			}
			setting := pretrain.Setting{Path: f.path, Value: given.Value.String(), Source: "flag --" + f.flag}
			all = append(all, setting)
		}
	}
	if err := setOnce(sets); err != nil {
		return nil, err
	}
	for _, s := range sets {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s: write it as section.key=value", s)
		}
		all = append(all, pretrain.Setting{Path: path, Value: value, Source: "--set"})
	}
	return all, nil
}
