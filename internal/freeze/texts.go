// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// helped are the commands whose help is frozen.
var helped = strings.Split(`
pretrain
cluster
eval
eval knn
eval linear
eval cluster
lab
lab list
lab run
lab report
methods
views
pack
doctor
version`, "\n")

// lists are the commands that list what Parallax has; the explanations of every method are added to them.
var lists = []string{"methods", "methods --json", "lab list", "lab list --json"}

// mistakes are command lines that are refused, run in a folder with the files of [prepare].
var mistakes = strings.Split(strings.TrimSpace(`
pretrian
help pretrian
completion bsh
version now
methods simclr byol
methods simsia
methods --jsn
--verison
pretrain
pretrain --data synthetic
pretrain --method simclr
pretrain --resume run --out other
pretrain --resume run --preset cifar
pretrain --resume run --config tiny.yaml
pretrain --resume nowhere
pretrain --resume photos
pretrain --resume run --set optim.momentm=1
pretrain --resume clusters/clustering
pretrain --config tiny.yaml --method simclrr
pretrain --config tiny.yaml --method simclr --bacth 3
pretrain -q
pretrain --batch
pretrain --config tiny.yaml --method simclr extra
pretrain --config tiny.yaml --method scan
pretrain --config tiny.yaml --method simclr --set optim.base_rat=1
pretrain --config tiny.yaml --method simclr --set method.temprature=1
pretrain --config tiny.yaml --method simclr --set augment.colour_jitter.p=1
pretrain --config tiny.yaml --method simclr --set train.batch
pretrain --config tiny.yaml --method simclr --set optim.nesterov=5
pretrain --config tiny.yaml --method simclr --batch many
pretrain --config tiny.yaml --method simclr --seed -1
pretrain --config tiny.yaml --method simclr --json=2
pretrain --config tiny.yaml --method simclr --preset tiny
pretrain --config tiny.yaml --method simclr --backbone resnet51
pretrain --config tiny.yaml --method simclr --backbone vit_tiny --set backbone.norm=batch
pretrain --config tiny.yaml --method simclr --backbone vit_tiny --set backbone.stem=small
pretrain --config tiny.yaml --method simclr --set backbone.norm=bacth
pretrain --config tiny.yaml --method simclr --set method.projector.norm=grup
pretrain --config tiny.yaml --method simclr --precision fp16
pretrain --config tiny.yaml --method simclr --device gpu
pretrain --config tiny.yaml --method simclr --on-collapse halt
pretrain --config tiny.yaml --method simclr --max-steps 0 --epochs 0
pretrain --config tiny.yaml --method simclr --epochs -1
pretrain --config tiny.yaml --method simclr --workers -1
pretrain --config tiny.yaml --method simclr --threads -1
pretrain --config tiny.yaml --method simclr --set optim.momentum=1.5
pretrain --config tiny.yaml --method simclr --set method.temperature=0
pretrain --config tiny.yaml --method simclr --set augment.color_jitter.p=2
pretrain --config tiny.yaml --method simsiam --set method.predictor.widths=[8,17]
pretrain --config tiny.yaml --method simsiam --set method.projector.widths=[0]
pretrain --config tiny.yaml --method byol --set method.predictor_form=square
pretrain --config tiny.yaml --method vicreg --set method.hinge=deviation
pretrain --config tiny.yaml --method simclr --batch 1
pretrain --config tiny.yaml --method simclr --batch 97
pretrain --config tiny.yaml --method simclr --size 4
pretrain --config none.yaml --method simclr
pretrain --config key.yaml --data synthetic:96 --method simclr
pretrain --config type.yaml --data synthetic:96 --method simclr
pretrain --config syntax.yaml --data synthetic:96 --method simclr
pretrain --config method.yaml --data synthetic:96 --method simclr
pretrain --config tiny.yaml --data nowhere --method simclr
pretrain --config tiny.yaml --data texts --method simclr
pretrain --config tiny.yaml --labels nowhere.csv --method simclr
pretrain --config tiny.yaml --probe nowhere --method simclr
pretrain --config tiny.yaml --init nowhere --method simclr
pretrain --config tiny.yaml --init key.yaml --method simclr
pretrain --config tiny.yaml --method simclr --out run
pretrain --config tiny.yaml --method simclr --out texts
doctor --device gpu
views --data synthetic:9
views --data synthetic:9 --method simclr --images 0
views --data synthetic:9 --method simclr --size wide
views --data synthetic:9 --method simclr --set augment.blur.p=0
views --data synthetic:20 --method simclr --out missing/v.png
pack
pack --data synthetic:9 --out p --as jpg
pack --data synthetic:9 --out p --as files
pack --data synthetic:9 --out p --quality 5
pack --verify texts
cluster
cluster --data synthetic:50
cluster --data synthetic:50 --classes 1
cluster --data synthetic:50 --classes 51
cluster --data synthetic:50 --classes many
cluster --data synthetic:10 --classes auto
cluster --data nowhere --classes 3
cluster --data synthetic:50 --classes 3 --method scan
cluster --data synthetic:50 --classes 3 --method simsia
cluster --data synthetic:50 --classes 3 --set optim.base_rate=1
cluster --data synthetic:50 --classes 3 --run nowhere
cluster --data synthetic:50 --classes 3 --run nowhere --method byol
cluster --data synthetic:50 --classes 3 --preset tiny
cluster --resume nowhere
cluster --resume clusters --classes 4
eval knn
eval kn
eval knn --run run --off embedding
eval knn --run run --of z
eval knn --run run --bootstrap 5
eval knn --run run --limit -1
eval knn --run run --k 5
eval knn --run run --device gpu
eval knn --run run --checkpoint 30
eval knn --run run --checkpoint newest
eval knn --run run --data nowhere
eval knn --run run/encoder.safetensors
eval knn --run run/encoder.safetensors --data synthetic:20 --of embedding
eval knn --run nowhere
eval knn --run texts
eval knn --run damaged
eval cluster --run run --k -1
lab run SIM-1
lab run
lab run SIM-01 --steps 3
lab run SIM-01 --seeds 0
lab list --method simsim
lab report nowhere
lab report`), "\n")

// resumes are changes that resuming refuses.
var resumes = strings.Split(strings.TrimSpace(`
pretrain --resume run --method byol --max-steps 30
pretrain --resume run --set backbone.width=8 --max-steps 30
pretrain --resume run --batch 32 --max-steps 30
pretrain --resume run --set method.temperature=0.3 --max-steps 30`), "\n")

// prepare fills a folder with the files that the mistakes need: a run of an earlier version, and files with errors.
func prepare(root, dir string) error {
	for name, text := range map[string]string{
		"tiny.yaml": "data: {path: \"synthetic:96\", size: 16}\nbackbone: {width: 4}\n" +
			"train: {batch: 16, max_steps: 6, threads: 1, workers: 1, log_every: 1, precision: float32}\n" +
			"probe: {limit: 20}\n",
		"key.yaml":     "optim:\n  base_rat: 1\n",
		"type.yaml":    "optim:\n  name: sgd\n  base_rate: fast\n",
		"syntax.yaml":  "optim: {base_rate: 1\n",
		"method.yaml":  "method: {name: byol}\n",
		"texts/a.txt":  "no image\n",
		"photos/a.txt": "no run\n",
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			return err
		}
	}
	upgrade := filepath.Join(root, "testdata", "upgrade")
	for to, from := range map[string]string{"run": "simclr", "damaged": "byol", "clusters": "clusters"} {
		if err := os.CopyFS(filepath.Join(dir, to), os.DirFS(filepath.Join(upgrade, from))); err != nil {
			return err
		}
	}
	cut := filepath.Join(dir, "damaged", "checkpoints", "step-00000024", "model.safetensors")
	return os.WriteFile(cut, []byte("cut"), 0o666)
}

// here matches the parts of texts that depend on this machine.
var here = regexp.MustCompile(`engine\.(cpu|version): "?[\w.]+"? -> "?[\w.]+"?(; )?|` +
	`data\.decoder: "[^"]*" -> "[^"]*"(; )?`)

// texts runs the commands whose texts are frozen and returns the texts by file name.
func (c command) texts(root, dir string) (map[string]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	groups := map[string][]string{"lists": lists, "mistakes": mistakes, "resumes": resumes}
	for _, line := range helped {
		groups["help"] = append(groups["help"], strings.TrimSpace(line+" --help"))
	}
	out, err := c.exec(dir, "methods --json").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the methods: %w", err)
	}
	var methods []struct{ Name string }
	if err := json.Unmarshal(out, &methods); err != nil {
		return nil, err
	}
	for _, m := range methods {
		groups["methods"] = append(groups["methods"], "methods "+m.Name)
	}
	texts := map[string]string{}
	for name, lines := range groups {
		said := make([]string, len(lines))
		wrong := make([]error, len(lines))
		var group sync.WaitGroup
		slots := make(chan bool, runtime.NumCPU())
		for i, line := range lines {
			group.Go(func() {
				slots <- true
				defer func() { <-slots }()
				own := filepath.Join(dir, name, strconv.Itoa(i)) // reading a run locks it
				if wrong[i] = prepare(root, own); wrong[i] == nil {
					said[i] = c.said(own, line)
				}
				os.RemoveAll(own)
			})
		}
		group.Wait()
		if err := errors.Join(wrong...); err != nil {
			return nil, err
		}
		texts[name+".txt"] = strings.Join(said, "\n")
	}
	return texts, nil
}

func (c command) exec(dir, line string) *exec.Cmd {
	child := exec.Command(c.path, strings.Fields(line)...)
	child.Dir, child.Env = dir, c.env
	return child
}

// said runs a command line and returns it with its exit status and both outputs.
func (c command) said(dir, line string) string {
	child := c.exec(dir, line)
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	status := 0
	if err := child.Run(); err != nil && child.ProcessState == nil {
		return err.Error()
	}
	status = child.ProcessState.ExitCode()
	text := fmt.Sprintf("$ parallax %s\n[exit status %d]\n%s", line, status, stdout.String())
	if stderr.Len() > 0 {
		text += "[standard error]\n" + stderr.String()
	}
	text = strings.ReplaceAll(text, dir, "$DIR")
	return here.ReplaceAllString(text, "")
}

// textFolder is the folder of the texts.
func textFolder(root string) string { return filepath.Join(root, "testdata", "golden", "texts") }

// writeTexts writes the texts of a command.
func (c command) writeTexts(root, dir string) error {
	texts, err := c.texts(root, dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(textFolder(root), 0o777); err != nil {
		return err
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(textFolder(root), name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}
