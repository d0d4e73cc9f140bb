// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The line above each section of the file.
var sectionComments = map[string]string{
	"method":   "The method and its hyperparameters.",
	"variant":  "What an experiment changes around the method.",
	"data":     "The images and how they are read.",
	"backbone": "The network that is trained and exported.",
	"augment":  "One recipe per view, its ops in order.",
	"stages":   "What earlier parts of the run have instead of full-size views and full augmentation.",
	"optim":    "The optimiser. The rate warms up linearly, then falls along a half cosine, per step.",
	"train":    "The training loop. Intervals are in optimiser steps.",
	"probe":    "On what the encoder is evaluated during the run.",
	"engine":   "The engine that computes.",
}

// commentColumn is the column of the sources, unless the value before is longer.
const commentColumn = 40

// Encode returns the config file: every value, followed by its source as a comment. An op whose fields share one source
// takes one line. [Load] reads the file back.
func (l *Layered) Encode() ([]byte, error) {
	root, err := tree(l.Config)
	if err != nil {
		return nil, err
	}
	w := &encoder{sources: l.Sources}
	w.raw("# The configuration of a Parallax run: every value, followed by its source.")
	w.raw(formatKey + ": " + strconv.Itoa(keys.format))
	for _, n := range root.kids {
		if n.kind == leaf {
			w.line("", n.key+": "+text(n.value), n)
			continue
		}
		w.raw("")
		if c := sectionComments[n.key]; c != "" {
			w.raw("# " + c)
		}
		w.node("", n)
	}
	return w.b.Bytes(), nil
}

type encoder struct {
	b       bytes.Buffer
	sources map[string]string
}

func (w *encoder) raw(line string) { w.b.WriteString(line + "\n") }

// line writes one line, followed by the source of its leaves, which is the same for all.
func (w *encoder) line(indent, s string, n *node) {
	s = indent + s
	if leaves := n.leaves(); len(leaves) > 0 {
		pad := max(1, commentColumn-utf8.RuneCountInString(s))
		s += strings.Repeat(" ", pad) + " # " + w.source(leaves[0])
	}
	w.raw(s)
}

func (w *encoder) source(n *node) string {
	return oneLine(w.sources[n.path])
}

// oneLine returns a source in a form that fits a comment: one line, printable.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return "unknown"
	}
	return s
}

func (w *encoder) node(indent string, n *node) {
	switch {
	case n.kind == leaf:
		w.line(indent, n.key+": "+text(n.value), n)
	case n.kind == views:
		w.views(indent, n)
	case len(n.kids) == 0:
		w.raw(indent + n.key + ": {}")
	default:
		w.raw(indent + n.key + ":")
		for _, k := range n.kids {
			w.node(indent+"  ", k)
		}
	}
}

func (w *encoder) views(indent string, n *node) {
	if len(n.kids) == 0 {
		w.raw(indent + n.key + ": []")
		return
	}
	w.raw(indent + n.key + ":")
	for _, view := range n.kids {
		if len(view.kids) == 0 {
			w.raw(indent + "  - []")
			continue
		}
		for j, op := range view.kids {
			dash := indent + "    - "
			if j == 0 {
				dash = indent + "  - - "
			}
			w.op(dash, indent+"        ", op)
		}
	}
}

// op writes one op of a recipe: on one line if its fields share one source, else one line per field.
func (w *encoder) op(dash, indent string, op *node) {
	name := opName(op.key)
	sources := map[string]bool{}
	for _, l := range op.leaves() {
		sources[w.source(l)] = true
	}
	if len(sources) <= 1 {
		w.line(dash, name+": "+flow(op), op)
		return
	}
	w.raw(dash + name + ":")
	for _, k := range op.kids {
		w.node(indent, k)
	}
}

// flow returns a node on one line: {p: 1, sigma: [0.1, 2]}.
func flow(n *node) string {
	if n.kind == leaf {
		return text(n.value)
	}
	parts := make([]string, len(n.kids))
	for i, k := range n.kids {
		parts[i] = k.key + ": " + flow(k)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
