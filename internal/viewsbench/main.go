// SPDX-License-Identifier: Apache-2.0

// Command viewsbench times how fast images are decoded and views made, on one thread, for bench/. For each name
// it prints a line of JSON: name, images_per_second, threads and instruction_set. An image of views32 and views224 is
// two views of SimCLR, from decoded pixels to normalised floats; decode is JPEG files to pixels, in memory that is used
// again, as a data set decodes them. A second is one of processor time. PARALLAX_SIMD chooses the instruction set.
//
//	viewsbench [-seconds 1] [-of views32,views224,decode] FOLDER
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
)

func main() {
	seconds := flag.Float64("seconds", 1, "processor time of each measurement")
	of := flag.String("of", "views32,views224,decode", "what to measure")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(*seconds, strings.Split(*of, ","), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "viewsbench:", err)
		os.Exit(1)
	}
}

func run(seconds float64, names, folders []string) error {
	if len(folders) != 1 {
		return errors.New("give one folder of JPEG files")
	}
	set, err := augment.InstructionSet()
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folders[0], "*.[jJ]*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no JPEG files in %s", folders[0])
	}
	b := bench{seconds: seconds}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		img, err := codec.Decode(data, codec.Options{})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.files, b.images = append(b.files, data), append(b.images, img)
	}
	out := json.NewEncoder(os.Stdout)
	for _, name := range names {
		var rate float64
		switch name {
		case "views32":
			rate = b.views(32)
		case "views224":
			rate = b.views(224)
		case "decode":
			var room []byte
			rate = b.rate(func(i int) {
				var img *augment.Image
				if img, err = codec.Decode(b.files[i], codec.Options{Room: room}); err == nil {
					room = img.Pix
				}
			})
		default:
			return fmt.Errorf("there is no measurement %q", name)
		}
		if err != nil {
			return err
		}
		if err := out.Encode(map[string]any{
			"name": name, "images_per_second": rate, "threads": 1, "instruction_set": set,
		}); err != nil {
			return err
		}
	}
	return nil
}

type bench struct {
	seconds float64
	files   [][]byte
	images  []*augment.Image
}

// views returns how many images per second get both of their views.
func (b *bench) views(size int) float64 {
	recipe := augment.SimCLRRecipe(size)
	images := b.images
	if size == 32 { // images of CIFAR's size
		images = nil
		for _, img := range b.images {
			images = append(images, augment.EvalRecipe(32).View(img, nil))
		}
	}
	norm := augment.Normalize{Mean: []float32{0.485, 0.456, 0.406}, Std: []float32{0.229, 0.224, 0.225}}
	dst := make([]float32, 3*size*size)
	epoch := 0
	return b.rate(func(i int) {
		if i == 0 {
			epoch++
		}
		for view := range 2 {
			img := images[i]
			norm.View(dst, img, recipe.Draw(img.W, img.H, augment.ViewRand(1, epoch, i, view)))
		}
	})
}

// rate returns how many images per second of processor time do handles.
func (b *bench) rate(do func(i int)) float64 {
	n, start := 0, cpu()
	for {
		for i := range b.images {
			do(i)
		}
		n += len(b.images)
		if used := cpu() - start; used.Seconds() >= b.seconds {
			return float64(n) / used.Seconds()
		}
	}
}

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
