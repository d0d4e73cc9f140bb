// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/describe"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/preset"
)

// presets are the presets on a page: those for training on images. "lab" is for experiments of half a minute.
var presets = slices.DeleteFunc(slices.Clone(preset.Names), func(name string) bool { return name == "lab" })

// settings returns two tables, of the hyperparameters and of the presets' other settings, and the sources of the
// presets' values.
func settings(e method.Entry) (string, error) {
	fields, err := describe.Fields(e)
	if err != nil {
		return "", err
	}
	configs := map[string]*config.Layered{}
	texts := map[string]map[string]string{} // by preset and path
	for _, name := range presets {
		given, err := preset.Settings(name, e.Name)
		if err != nil {
			return "", err
		}
		if configs[name], err = configured(e, given, size); err != nil {
			return "", fmt.Errorf("preset %s: %w", name, err)
		}
		leaves, err := config.Fields(configs[name].Method.Fields)
		if err != nil {
			return "", err
		}
		texts[name] = map[string]string{}
		for _, l := range leaves {
			texts[name][l.Path] = l.Text
		}
	}
	var b strings.Builder
	b.WriteString("A preset's values are shown only if they differ from the paper's.\n\n")
	b.WriteString(row(append([]string{"setting", "meaning", "paper"}, presets...)...) + rule(3+len(presets)))
	for _, f := range fields {
		cells := []string{code("method." + f.Name), f.Comment, code(f.Default)}
		for _, name := range presets {
			value := texts[name][f.Name]
			if value == f.Default {
				value = ""
			}
			cells = append(cells, code(value))
		}
		b.WriteString(row(cells...))
	}
	variants, err := describe.Variants(e)
	if err != nil {
		return "", err
	}
	if len(variants) > 0 {
		b.WriteString("\nVariants, for experiments:\n\n" + row("setting", "meaning", "value") + rule(3))
	}
	for _, f := range variants {
		b.WriteString(row(code("variant."+f.Name), f.Comment, code(f.Default)))
	}
	b.WriteString("\n" + row("preset", "network", "optimiser", "rate at batch 256", "weight decay", "batch", "epochs",
		"also") + rule(8))
	for _, name := range presets {
		c := configs[name]
		network := c.Backbone.Name
		if c.Backbone.Width != config.Default().Backbone.Width {
			network += ", width " + strconv.Itoa(c.Backbone.Width)
		}
		also, err := others(name, e.Name)
		if err != nil {
			return "", err
		}
		b.WriteString(row(code(name), network, c.Optim.Name, number(c.Optim.BaseRate), number(c.Optim.WeightDecay),
			strconv.Itoa(c.Train.Batch), strconv.Itoa(c.Train.Epochs), also))
	}
	b.WriteString("\nSources of the presets' values:\n\n")
	for _, name := range presets {
		source, _, err := preset.Source(name, e.Name)
		if err != nil {
			return "", err
		}
		about, err := preset.About(name)
		if err != nil {
			return "", err
		}
		if source != "" {
			about += " For " + e.Title + ": " + source + "."
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", name, about)
	}
	fmt.Fprintf(&b, "\n[The sources of the settings](../settings.md#%s) says of each value where it is from, "+
		"and why it is another one here.\n", e.Name)
	return b.String(), nil
}

// inTable are the settings with a column.
var inTable = map[string]bool{
	"backbone.name": true, "backbone.width": true, "optim.name": true, "optim.base_rate": true,
	"optim.weight_decay": true,
	"train.batch":        true, "train.epochs": true,
}

// others returns a preset's settings that are neither hyperparameters nor have a column.
func others(name, method string) (string, error) {
	given, err := preset.Settings(name, method)
	var all []string
	for _, s := range given {
		if !inTable[s.Path] && !strings.HasPrefix(s.Path, "method.") {
			all = append(all, code(s.Path+"="+strings.ReplaceAll(s.Value, "\n", " ")))
		}
	}
	return strings.Join(all, ", "), err
}

// number writes 1e-6 and not 1e-06.
func number(v float64) string {
	return strings.ReplaceAll(strconv.FormatFloat(v, 'g', -1, 64), "e-0", "e-")
}

// configured returns the config of a method with some values set: the method's own first, since recipes may depend on
// them.
func configured(e method.Entry, given []preset.Setting, size int) (*config.Layered, error) {
	c := config.Default()
	m := e.New()
	c.Method = config.MethodConfig{Name: e.Name, Fields: m}
	l, err := config.New(&c)
	if err != nil {
		return nil, err
	}
	for _, recipes := range []bool{false, true} {
		if recipes {
			l.Augment = m.Views(size)
			if err := l.Mark("augment", "default"); err != nil {
				return nil, err
			}
		}
		for _, s := range given {
			if strings.HasPrefix(s.Path, "augment.") != recipes {
				continue
			}
			if err := l.Set(s.Path, s.Value, s.Path+"="+s.Value); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

// size is the side of the views in pixels if none is given.
const size = 224
