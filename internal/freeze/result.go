// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/parallax-ssl/parallax/config"

	"go.yaml.in/yaml/v3"
)

// A result is what is compared of a run. For a clustering, names begin with the stage.
type result struct {
	Hashes map[string]string // SHA-256 of encoder, checkpoint, metrics and others
	Losses []string          // of every step, as in metrics.jsonl: they show where a difference begins
	Words  []string          // texts of events, which the metrics' hash leaves out
	Config map[string]string // the run's configuration by its oldest names, without where and with what it was computed
}

// A command is a build of parallax.
type command struct {
	path string
	env  []string
}

// schemes reports whether the build knows train.scheme. Builds from before compute as its value reference does.
func (c command) schemes() bool {
	child := exec.Command(c.path, "pretrain", "--data", "synthetic:96", "--size", "16", "--method", "simclr",
		"--set", "train.scheme=?")
	child.Env = c.env
	out, _ := child.CombinedOutput() // which it refuses in any case
	return strings.Contains(string(out), "the choices are")
}

// A collection is the results of several runs of one command.
type collection struct {
	Capability string // of the processor, as the engine names it
	Libtorch   string
	Machine    string
	Runs       map[string]result
}

// runAll runs the cases, each in its own folder below dir, some at a time.
func (c command) runAll(list []testCase, dir string, jobs int) (collection, error) {
	got := collection{Machine: c.machine(), Runs: map[string]result{}}
	var failed []error
	var mutex sync.Mutex
	var group sync.WaitGroup
	slots := make(chan bool, max(1, jobs))
	for i, one := range list {
		group.Go(func() {
			slots <- true
			defer func() { <-slots }()
			folder := filepath.Join(dir, fmt.Sprint(i))
			r, engine, err := c.run(one, folder)
			os.RemoveAll(folder)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", one.name, err))
				return
			}
			got.Runs[one.name], got.Capability, got.Libtorch = r, engine["cpu"], engine["version"]
		})
	}
	group.Wait()
	return got, errors.Join(failed...)
}

// run runs one case in a folder and reads its results.
func (c command) run(one testCase, folder string) (result, map[string]string, error) {
	r := result{Hashes: map[string]string{}, Config: map[string]string{}}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return r, nil, err
	}
	for name, text := range map[string]string{"settings.yaml": settings, "brief.yaml": brief} {
		if c.schemes() {
			text = strings.Replace(text, "train: {", "train: {scheme: reference, ", 1)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			return r, nil, err
		}
	}
	child := exec.Command(c.path, one.arguments()...)
	child.Dir, child.Env = folder, c.env
	out, err := child.CombinedOutput()
	if child.ProcessState == nil || child.ProcessState.ExitCode() != one.status {
		return r, nil, fmt.Errorf("parallax %s: %w\n%s", strings.Join(one.arguments(), " "), err, out)
	}
	parts := map[string]string{"": "run"}
	if one.stages {
		parts = map[string]string{
			"pretext/": "run/pretext", "clustering/": "run/clustering", "selflabel/": "run/selflabel",
		}
		for _, name := range []string{"clusters.csv", "report.json", "neighbours.safetensors"} {
			if r.Hashes[name], err = hashFile(filepath.Join(folder, "run", name)); err != nil {
				return r, nil, err
			}
		}
	}
	engine := map[string]string{}
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if err := r.read(filepath.Join(folder, filepath.FromSlash(parts[part])), part, engine); err != nil {
			return r, nil, err
		}
	}
	return r, engine, nil
}

// read adds a run directory to the result, under names with the prefix, and adds the engine's settings to engine.
func (r *result) read(dir, prefix string, engine map[string]string) error {
	hash, err := hashFile(filepath.Join(dir, "encoder.safetensors"))
	if err != nil {
		return err
	}
	r.Hashes[prefix+"encoder"] = hash
	if hash, err = hashFile(filepath.Join(dir, "head.safetensors")); err == nil {
		r.Hashes[prefix+"head"] = hash
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if r.Hashes[prefix+"checkpoint"], err = hashCheckpoint(filepath.Join(dir, "checkpoints")); err != nil {
		return err
	}
	metrics, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		return err
	}
	if err := r.readMetrics(metrics, prefix); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.yaml"))
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("reading %s: %w", dir, err)
	}
	values := map[string]string{}
	if err := flatten("", document.Content[0], values); err != nil {
		return err
	}
	for _, key := range []string{"cpu", "version"} {
		engine[key] = strings.Trim(values["engine."+key], `"`)
	}
	for key, value := range values {
		if key == "format" || key == "data.decoder" || strings.HasPrefix(key, "engine.") {
			continue
		}
		if old, was := original(values["method.name"], key, value); values[old] == "" {
			key, value = old, was
		}
		r.Config[prefix+key] = value
	}
	return nil
}

// original returns a setting under its names at [base]; method, key and value are JSON.
func original(method, key, value string) (oldKey, oldValue string) {
	text := strings.Trim(value, `"`)
	oldKey, oldText := config.Original(strings.Trim(method, `"`), key, text)
	return oldKey, strings.Replace(value, text, oldText, 1)
}

// flatten adds the values of a YAML node by their dotted paths. Lists are values.
func flatten(path string, node *yaml.Node, into map[string]string) error {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i].Value
			if path != "" {
				key = path + "." + key
			}
			if err := flatten(key, node.Content[i+1], into); err != nil {
				return err
			}
		}
		return nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return err
	}
	text, err := json.Marshal(value)
	into[path] = string(text)
	return err
}

var (
	// metrics and terms that commit 3880be3 did not have
	later = regexp.MustCompile(`,"(hubness|target_momentum)":[^,}]*|"target_momentum":[^,}]*,`)
	times = regexp.MustCompile(`,"(images_per_second|data_wait)":[^,}]*`)
	words = regexp.MustCompile(`,"(message|causes)":("(?:[^"\\]|\\.)*")`)
	loss  = regexp.MustCompile(`,"loss":([^,}]*)`)
)

// readMetrics adds the lines of metrics.jsonl, without times and later metrics. Texts and losses are kept separately.
func (r *result) readMetrics(text []byte, prefix string) error {
	for _, found := range words.FindAllSubmatch(text, -1) {
		var s string
		if err := json.Unmarshal(found[2], &s); err != nil {
			return err
		}
		r.Words = append(r.Words, s)
	}
	for _, found := range loss.FindAllSubmatch(text, -1) {
		r.Losses = append(r.Losses, string(found[1]))
	}
	text = evaluatedFirst(text)
	text = words.ReplaceAll(times.ReplaceAll(later.ReplaceAll(text, nil), nil), nil)
	r.Hashes[prefix+"metrics"] = fmt.Sprintf("%x", sha256.Sum256(text))
	return nil
}

// evaluatedFirst puts the lines of step 0 before that of step 1, as commit 3880be3 did.
func evaluatedFirst(text []byte) []byte {
	at := bytes.Index(text, []byte(`{"event":"step","step":1,`))
	if at < 0 {
		return text
	}
	first := at + bytes.IndexByte(text[at:], '\n') + 1
	end := first
	for line := range bytes.Lines(text[first:]) {
		if !bytes.Contains(line, []byte(`","step":0,`)) {
			break
		}
		end += len(line)
	}
	return slices.Concat(text[:at], text[first:end], text[at:first], text[end:])
}

func hashFile(name string) (string, error) {
	data, err := os.ReadFile(name)
	return fmt.Sprintf("%x", sha256.Sum256(data)), err
}

// hashCheckpoint hashes the tensors of the newest checkpoint: for every file, in the order of names, each tensor's
// name, type, shape and bytes.
func hashCheckpoint(dir string) (string, error) {
	folders, err := filepath.Glob(filepath.Join(dir, "step-*"))
	if err != nil || len(folders) == 0 {
		return "", fmt.Errorf("there is no checkpoint in %s", dir)
	}
	files, err := filepath.Glob(filepath.Join(slices.Max(folders), "*.safetensors"))
	if err != nil || len(files) == 0 {
		return "", fmt.Errorf("there are no tensors in %s", slices.Max(folders))
	}
	slices.Sort(files)
	var all bytes.Buffer
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&all, filepath.Base(name))
		if err := tensors(data, &all); err != nil {
			return "", fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return fmt.Sprintf("%x", sha256.Sum256(all.Bytes())), nil
}

// tensors writes the parts of one file that hashCheckpoint hashes.
func tensors(data []byte, to *bytes.Buffer) error {
	if len(data) < 8 || binary.LittleEndian.Uint64(data) > uint64(len(data)-8) {
		return errors.New("it is cut short")
	}
	body := 8 + int(binary.LittleEndian.Uint64(data))
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:body], &header); err != nil {
		return err
	}
	delete(header, "__metadata__")
	for _, name := range slices.Sorted(maps.Keys(header)) {
		var t struct {
			Dtype   string
			Shape   []int
			Offsets [2]int `json:"data_offsets"`
		}
		if err := json.Unmarshal(header[name], &t); err != nil {
			return err
		}
		from, end := body+t.Offsets[0], body+t.Offsets[1]
		if from < body || end < from || end > len(data) {
			return fmt.Errorf("tensor %s lies outside the file", name)
		}
		fmt.Fprintln(to, name, t.Dtype, t.Shape)
		to.Write(data[from:end])
	}
	return nil
}

// machine names the processor as far as it determines the kernels: libtorch, oneDNN and MKL ask for its model and its
// features, some of which the environment may hide.
func (c command) machine() string {
	var parts []string
	hide := []string{"ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS"}
	for _, entry := range c.env {
		name, value, _ := strings.Cut(entry, "=")
		if value != "" && slices.Contains(hide, name) {
			parts = append(parts, entry)
		}
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return strings.Join(append(parts, runtime.GOOS, runtime.GOARCH), " ")
	}
	for _, key := range []string{"vendor_id", "cpu family", "model", "stepping", "model name"} {
		found := regexp.MustCompile(`(?m)^` + key + `\s*:\s*(.*)$`).FindSubmatch(text)
		if found != nil {
			parts = append(parts, string(found[1]))
		}
	}
	return strings.Join(parts, " ")
}
