// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// expected is what scripts/checkpoints.py says of a file that it wrote with PyTorch.
type expected struct {
	Architecture, Family, Stem string
	SHA256                     string   // of the values that an import finds
	Teacher, Student           string   // those of the other network of the file
	Filled                     int      // tensors that the file lacks
	Skipped                    []string // globals, among others
}

func expectations(t *testing.T) (files map[string]expected, positions map[string][]float64) {
	t.Helper()
	text, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw["positions"], &positions); err != nil {
		t.Fatal(err)
	}
	delete(raw, "positions")
	files = map[string]expected{}
	for name, text := range raw {
		var e expected
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		files[name] = e
	}
	return files, positions
}

func digestOf(states []nn.State) string {
	h := sha256.New()
	for _, s := range states {
		h.Write(s.Bytes)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Checkpoints under the names of every family give their network's values, bit for bit. Every entry has its account.
func TestFamilies(t *testing.T) {
	files, _ := expectations(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		want := files[name]
		w, err := Read(filepath.Join("testdata", name), Options{As: want.Architecture})
		if err != nil {
			t.Error(err)
			continue
		}
		r := w.Report
		if got := digestOf(w.States); got != want.SHA256 {
			t.Errorf("%s: the values of %s are others", name, r.Prefix)
		}
		if r.Family != want.Family || r.Encoder.Architecture != want.Architecture || len(r.Filled) != want.Filled {
			t.Errorf("%s: %s of %s with %d tensors filled, want %+v", name, r.Encoder.Architecture, r.Family,
				len(r.Filled), want)
		}
		if want.Stem != "" && r.Encoder.Stem != want.Stem {
			t.Errorf("%s: the stem is %s, want %s", name, r.Encoder.Stem, want.Stem)
		}
		used, left := r.Count()
		if used != len(w.States)-want.Filled || used+left != len(r.Keys) {
			t.Errorf("%s: %d entries used of %d, and %d tensors", name, used, len(r.Keys), len(w.States))
		}
		for _, k := range r.Keys {
			if left := k.Action == LeftOut; left && k.Why == "" || !left && k.To == "" ||
				k.Action == Used && k.Key != k.To {
				t.Errorf("%s: no account of %+v", name, k)
			}
		}
		for _, global := range want.Skipped {
			if !slices.ContainsFunc(r.Skipped, func(f Foreign) bool { return f.Name == global }) {
				t.Errorf("%s: %s is not among the skipped globals %v", name, global, r.Skipped)
			}
		}
		for which, sum := range map[string]string{Teacher: want.Teacher, Student: want.Student} {
			if sum == "" {
				continue
			}
			w, err := Read(filepath.Join("testdata", name), Options{Which: which})
			if err != nil || digestOf(w.States) != sum {
				t.Errorf("%s: the %s has other values (%v)", name, which, err)
			}
		}
	}
	if len(files) < 20 {
		t.Errorf("only %d files", len(files))
	}
}

// Nothing that a file says is run: the program of program.pth would make a file.
func TestRunsNothing(t *testing.T) {
	for _, name := range []string{"program.pth", "program-stream.pth"} {
		r, err := Import(filepath.Join("testdata", name), Options{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Skipped) != 1 || r.Skipped[0] != (Foreign{"posix.system", 1, true}) {
			t.Errorf("%s: skipped %v", name, r.Skipped)
		}
		if text := r.Text(false); !strings.Contains(text, "not run: posix.system()") {
			t.Errorf("%s: the report does not name the program:\n%s", name, text)
		}
		for _, place := range []string{"ran", "testdata/ran", "../ran"} {
			if _, err := os.Stat(place); err == nil {
				t.Errorf("%s ran its program", name)
			}
		}
	}
}

// The written file is an encoder, equal for equal options; its metadata has the source.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a.safetensors"), filepath.Join(dir, "b.safetensors")
	for _, out := range []string{first, second} {
		r, err := Import("testdata/moco.pth.tar", Options{As: "resnet18", Out: out, Size: 64, License: "CC-BY-NC-4.0",
			Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.25, 0.25, 0.25}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Out != out {
			t.Errorf("it says %s was written", r.Out)
		}
	}
	x, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	if y, err := os.ReadFile(second); err != nil || !bytes.Equal(x, y) {
		t.Errorf("two imports differ (%v)", err)
	}
	states, metadata, err := nn.ReadStates(first)
	if err != nil {
		t.Fatal(err)
	}
	e, err := checkpoint.ParseEncoder(metadata)
	if err != nil || e.Size != 64 || e.Architecture != "resnet18" || e.Width != 1 || e.Features != 8 ||
		e.Mean[0] != 0.5 || e.Std[0] != 0.25 || e.Stem != "imagenet" || e.Method != "imported" || len(states) != 120 {
		t.Errorf("the encoder is %+v with %d tensors (%v)", e, len(states), err)
	}
	if metadata["source"] != "moco.pth.tar" || metadata["license"] != "CC-BY-NC-4.0" ||
		metadata["source_prefix"] != "state_dict.module.encoder_q." || len(metadata["source_sha256"]) != 64 {
		t.Errorf("the metadata are %v", metadata)
	}
	// The file is one that Read takes, too, with what its metadata say.
	w, err := Read(first, Options{})
	if err != nil || w.Report.Format != "safetensors" || !reflect.DeepEqual(w.Encoder, e) ||
		digestOf(w.States) != digestOf(order(states, w.States)) {
		t.Errorf("read again: %v", err)
	}
}

// order returns states in the order of others.
func order(states, others []nn.State) (all []nn.State) {
	for _, o := range others {
		for _, s := range states {
			if s.Name == o.Name {
				all = append(all, s)
			}
		}
	}
	return all
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// write makes a safetensors file of a ResNet-18 after change.
	write := func(name string, change func(map[string]nn.State)) string {
		w, err := Read("testdata/torchvision.pth", Options{})
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]nn.State{}
		for _, s := range w.States {
			named[s.Name] = s
		}
		change(named)
		var states []nn.State
		for key, s := range named {
			s.Name = key
			states = append(states, s)
		}
		var b bytes.Buffer
		if err := nn.WriteStates(&b, states, nil); err != nil {
			t.Fatal(err)
		}
		return file(name, b.Bytes())
	}
	whole, err := os.ReadFile("testdata/dino.pth")
	if err != nil {
		t.Fatal(err)
	}
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	for _, c := range []struct {
		path    string
		options Options
		want    string
		invalid bool
	}{
		{"testdata/torchvision.pth", Options{As: "resnet50"}, "they match resnet18, so import it as that", false},
		{"testdata/resnet50.pth", Options{As: "vit_b_16"},
			"not those of vit_base with patches of 16 pixels: they match resnet50", false},
		{"testdata/vit.pth", Options{As: "vit_tiny_patch8_224"}, "they match vit_tiny_patch16_224", false},
		{"testdata/torchvision.pth", Options{As: "resnet19"}, `did you mean "resnet18"?`, true},
		{"testdata/torchvision.pth", Options{Which: "momentum"}, "must be student or teacher", true},
		{"testdata/torchvision.pth", Options{Which: Teacher}, "no network of the file is a teacher", false},
		{"testdata/torchvision.pth", Options{Prefix: "encoder"}, "no network under the prefix", false},
		{"testdata/moco.pth.tar", Options{Prefix: "module"}, "no network under the prefix", false},
		{"testdata/torchvision.pth", Options{Size: 5}, "want 8 to 4096 pixels", true},
		{"testdata/torchvision.pth", Options{Stem: "small"}, `first convolution is that of "imagenet"`, true},
		{"testdata/lightly-own.pth", Options{Stem: "round"}, "must be one of", true},
		{"testdata/vit.pth", Options{Stem: "small"}, "size of its patches", true},
		{"testdata/vit.pth", Options{Size: 100}, "the patch must divide them", false},
		{"testdata/torchvision.pth", Options{Mean: []float64{1, 2}}, "mean has 2 numbers", true},
		{"testdata/torchvision.pth", Options{Std: []float64{0, 1, 1}}, "no std is 0", true},
		{"testdata/protocol2.pkl", Options{}, "not a file of torch.save", false},
		{"testdata", Options{}, "not a regular file", false},
		{"testdata/none.pth", Options{}, "no such file", false},
		{file("half.pth", whole[:len(whole)/3]), Options{}, "truncated or damaged", false},
		{file("text.pth", []byte("<html>not found</html>")), Options{}, "not one of safetensors either", false},
		{file("empty.safetensors", nil), Options{}, "too few for a safetensors file", false},
		{write("missing.safetensors", func(m map[string]nn.State) { delete(m, "layer3.1.bn2.running_var") }), Options{},
			"it lacks layer3.1.bn2.running_var", false},
		{write("more.safetensors", func(m map[string]nn.State) { m["layer1.0.se.weight"] = m["bn1.weight"] }),
			Options{}, `no place for, so its features are other ones: "layer1.0.se.weight"`, false},
		{write("shape.safetensors", func(m map[string]nn.State) {
			m["layer1.0.bn1.weight"] = m["layer2.0.bn1.weight"]
		}), Options{}, `"layer1.0.bn1.weight" is [2] and has to be [1]`, false},
		{write("nan.safetensors", func(m map[string]nn.State) {
			m["bn1.weight"] = nn.State{DType: torch.F32, Shape: []int{1}, Bytes: nan}
		}), Options{}, "NaN or infinity", false},
		{write("twice.safetensors", func(m map[string]nn.State) {
			for _, name := range slices.Collect(maps.Keys(m)) {
				m["a."+name], m["b."+name] = m[name], m[name]
				delete(m, name)
			}
		}), Options{}, `several networks, under "a.", "b."`, false},
		{write("deep.safetensors", func(m map[string]nn.State) {
			m["layer4.2.conv1.weight"] = m["layer4.1.conv1.weight"]
		}), Options{}, "[2 2 2 3] blocks", false},
		{write("wide.safetensors", func(m map[string]nn.State) {
			m["conv1.weight"] = nn.State{DType: torch.F32, Shape: []int{1000, 3, 7, 7}, Bytes: make([]byte, 4*147*1000)}
		}), Options{}, "a resnet18 of width 1000 with images of 224 pixels does not fit", false},
		{write("others.safetensors", func(m map[string]nn.State) {
			clear(m)
			m["model.stem.0.weight"] = nn.State{DType: torch.F32, Shape: []int{1}, Bytes: make([]byte, 4)}
		}), Options{}, `"model.stem.0.weight", and none of the names of a ResNet or a ViT`, false},
	} {
		_, err := Read(c.path, c.options)
		var invalid *run.InvalidError
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			errors.As(err, &invalid) != c.invalid {
			t.Errorf("%s, %+v: error %v, want one line with %q", c.path, c.options, err, c.want)
		}
	}
	for _, o := range []Options{{}, {Out: "testdata/torchvision.pth"}, {Out: dir}} {
		if _, err := Import("testdata/torchvision.pth", o); err == nil {
			t.Errorf("written to %q", o.Out)
		}
	}
}

// Positions are interpolated as PyTorch does with antialiasing, which timm asks for.
func TestPositions(t *testing.T) {
	_, want := expectations(t)
	class := []float32{7, 8}
	var data []byte
	for _, v := range class {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	for i := range 50 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(math.Sin(math.Pow(float64(i), 1.5)))))
	}
	for grid, name := range map[int]string{3: "3", 8: "8"} {
		out := resizePositions(data, 2, 26, grid)
		if len(out) != 4*2*(1+grid*grid) || !bytes.Equal(out[:8], data[:8]) {
			t.Fatalf("%d bytes, of which the class token's are %v", len(out), out[:8])
		}
		for i, v := range want[name] {
			got := float64(math.Float32frombits(binary.LittleEndian.Uint32(out[8+4*i:])))
			if math.Abs(got-v) > 1e-6 {
				t.Errorf("grid of %d, value %d: %g, PyTorch has %g", grid, i, got, v)
			}
		}
	}
	out := resizePositions(data[8:], 2, 25, 5)
	if !bytes.Equal(out[8:], data[8:]) || !bytes.Equal(out[:8], make([]byte, 8)) {
		t.Error("positions without a class token do not keep their values")
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]asked{
		"resnet50": {name: "resnet50"}, "ResNet-18": {name: "resnet18"}, "resnet50.tv_in1k": {name: "resnet50"},
		"vit_small_patch16_224":            {name: "vit_small", patch: 16, size: 224},
		"vit_base_patch32_384.augreg_in1k": {name: "vit_base", patch: 32, size: 384, half: true},
		"deit_tiny_patch16_224.fb_in1k":    {name: "vit_tiny", patch: 16, size: 224},
		"vit_b_16":                         {name: "vit_base", patch: 16},
		"dino_vits8":                       {name: "vit_small", patch: 8},
		"vit_small":                        {name: "vit_small"},
		"wrn28":                            {name: "wrn28"},
	} {
		if got, err := parseName(text); err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "resnet", "vit_huge", "../resnet18", "resnet\x1b18"} {
		if _, err := parseName(text); err == nil {
			t.Errorf("%q is a name", text)
		}
	}
	for from, to := range map[string]string{
		"class_token": "cls_token", "encoder.pos_embedding": "pos_embed", "conv_proj.bias": "patch_embed.proj.bias",
		"encoder.layers.encoder_layer_11.self_attention.in_proj_weight": "blocks.11.attn.qkv.weight",
		"encoder.layers.encoder_layer_0.mlp.linear_2.bias":              "blocks.0.mlp.fc2.bias",
		"encoder.layers.encoder_layer_3.mlp.3.weight":                   "blocks.3.mlp.fc2.weight",
		"encoder.ln.weight": "norm.weight", "heads.head.weight": "heads.head.weight",
	} {
		if got := torchvisionNames(from); got != to {
			t.Errorf("%s becomes %s, want %s", from, got, to)
		}
	}
}

// Imports leave no tensor behind, whether they succeed or not.
func TestNoTensorIsLeaked(t *testing.T) {
	live := func() (n int) {
		if err := torch.Scope(func() error { n = torch.Live(); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := live()
	_, _ = Read("testdata/solo-learn.ckpt", Options{})
	_, _ = Read("testdata/mixed.pt", Options{As: "resnet50"})
	if after := live(); after != before {
		t.Errorf("%d tensors before, %d after", before, after)
	}
}
