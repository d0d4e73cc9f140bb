// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
)

// bounds are the least and the greatest value of a number.
type bounds struct{ least, most float64 }

func (b bounds) String() string {
	return strconv.FormatFloat(b.least, 'f', -1, 64) + " to " + strconv.FormatFloat(b.most, 'f', -1, 64)
}

// MaxSteps is the greatest number of optimiser steps: the name of a checkpoint has eight digits.
const MaxSteps = 99_999_999

// MaxThreads is the greatest number of the engine's threads, and of workers.
const MaxThreads = 1024

const (
	maxEpochs = 1_000_000
	maxWidth  = 1 << 20 // also of what is as wide as a layer: prototypes, outputs
	maxViews  = 64
	maxLayers = 64
)

// within has the bounds of whole numbers: of one value by its path, or of all values with a key by the key. They hold
// for every method and network, and leave room for whatever somebody may try. Their purpose is that no product of them
// overflows, and that a mistake is refused before it costs memory or time. Validate and the methods narrow them.
var within = map[string]bounds{
	"data.size":          {0, 4096}, // 0 is found out
	"data.images":        {0, 1 << 40},
	"backbone.width":     {1, 4096},
	"stages.sizes":       {8, 4096},
	"stages.strength":    {0, 1},
	"stages.ends":        {0, MaxSteps},
	"stages.planned":     {0, MaxSteps},
	"optim.warmup_steps": {0, MaxSteps},
	"optim.cycles":       {1, 10_000},
	"train.batch":        {1, 1 << 20},
	"train.accumulate":   {1, 1 << 16},
	"train.epochs":       {0, maxEpochs},
	"train.max_steps":    {0, MaxSteps},
	"train.threads":      {0, MaxThreads},
	"train.cache_chunk":  {0, 1 << 20},
	"train.workers":      {0, MaxThreads},
	"train.eval_every":   {0, MaxSteps},
	"train.save_every":   {0, MaxSteps},
	"train.log_every":    {1, MaxSteps},
	"train.keep":         {1, 1_000_000},
	"probe.limit":        {0, 1 << 40},
	"probe.k":            {1, 1_000_000},

	"view_count":            {2, maxViews},
	"large_crops":           {0, maxViews},
	"small_crops":           {0, maxViews},
	"support_views":         {1, maxViews},
	"small_size":            {1, 4096},
	"widths":                {1, maxWidth},
	"hidden":                {1, maxWidth},
	"bottleneck":            {1, maxWidth},
	"outputs":               {1, maxWidth},
	"prototypes":            {1, maxWidth},
	"classes":               {1, maxWidth},
	"support_classes":       {0, maxWidth},
	"support_images":        {1, maxWidth},
	"queue":                 {0, 1 << 24},
	"neighbours":            {1, 1 << 16},
	"heads":                 {1, 1024},
	"head_layers":           {0, maxLayers},
	"groups":                {1, 1 << 16},
	"shuffle_groups":        {1, 1 << 16},
	"slice":                 {0, maxWidth},
	"dimensions":            {1, maxWidth},
	"directions":            {1, 1 << 16},
	"knots":                 {1, 1 << 16},
	"iterations":            {0, 1000},
	"sinkhorn_iterations":   {0, 1000},
	"iter_norm_steps":       {0, 1000},
	"iter_norm_groups":      {1, 1 << 16},
	"target_every":          {1, MaxSteps},
	"every":                 {0, MaxSteps},
	"freeze_steps":          {0, MaxSteps},
	"freeze_epochs":         {0, maxEpochs},
	"head_epochs":           {0, maxEpochs},
	"queue_from":            {0, maxEpochs},
	"warmup_teacher_epochs": {0, maxEpochs},
}

// longest is the greatest number of numbers in a list: layers of an MLP.
const longest = maxLayers

// The bounds of numbers without a line in within. A float32 of libtorch holds 3.4e38.
var (
	usualWhole  = bounds{-1 << 20, 1 << 20}
	usualNumber = bounds{-1e36, 1e36}
)

// boundsOf returns the bounds of the number at a path. ok is false for the seed, which may be any number.
func boundsOf(path string, whole bool) (b bounds, ok bool) {
	if path == "seed" {
		return b, false
	}
	if b, ok = within[path]; ok {
		return b, true
	}
	if b, ok = within[path[strings.LastIndex(path, ".")+1:]]; ok && whole {
		return b, true
	}
	if whole {
		return usualWhole, true
	}
	return usualNumber, true
}

// checkBounds returns an error when a number at path, or in the list there, is out of its bounds.
func checkBounds(path string, v reflect.Value) error {
	var f float64
	whole := true
	switch {
	case hasText(v.Type()):
		return nil
	case v.CanInt():
		f = float64(v.Int())
	case v.CanUint():
		f = float64(v.Uint())
	case v.CanFloat():
		f, whole = v.Float(), false
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		most := longest
		if strings.HasPrefix(path, "data.") {
			most = augment.MaxChannels
		}
		if k := v.Type().Elem().Kind(); v.Len() > most && k != reflect.String {
			return fmt.Errorf("%s is a list of %d, want at most %d", path, v.Len(), most)
		}
		for i := range v.Len() {
			if err := checkBounds(path, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	default:
		return nil
	}
	b, ok := boundsOf(path, whole)
	if !ok || f >= b.least && f <= b.most { // nor NaN
		return nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%s is %v, want a finite number", path, f)
	}
	if !whole {
		return fmt.Errorf("%s is %v, want %g to %g", path, v.Interface(), b.least, b.most)
	}
	return fmt.Errorf("%s is %v, want %v", path, v.Interface(), b)
}

// outOfBounds returns an error for every number of the configuration that is out of its bounds.
func (c *Config) outOfBounds() error {
	root, err := tree(c)
	if err != nil {
		return err
	}
	var errs []error
	for _, leaf := range root.leaves() {
		errs = append(errs, checkBounds(leaf.path, leaf.value))
	}
	return errors.Join(errs...)
}
