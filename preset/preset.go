// SPDX-License-Identifier: Apache-2.0

// Package preset holds settings that go together: an optimiser, its rate, head widths and a length that suit an image
// size and a machine. A preset is plain data, one YAML file of config paths per preset: a section "all" and one for
// each method. The comment behind a section's name says where its values are from.
package preset

import (
	"embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// A Setting is one value of the configuration, by its path, as YAML text.
type Setting struct{ Path, Value string }

// Names lists the presets. "imagenet" is for many large images, "imagenet100" for fewer, "cifar" for small ones,
// "tiny-cpu" a small network that learns in minutes on two CPU cores, "lab" a tiny one for experiments of half a
// minute.
var Names = []string{"imagenet", "imagenet100", "cifar", "tiny-cpu", "lab"}

const (
	small = 64     // pixels: CIFAR's images have 32, Tiny ImageNet's 64
	many  = 400000 // images: on a logarithmic scale half-way from ImageNet-100's 127,000 to ImageNet's 1,280,000
)

// For returns the preset that is used when none is named, and why: by the side of the images in pixels, and for large
// ones by their number. It never is tiny-cpu or lab, which are for the machine and not for the images.
func For(size, images int) (name, why string) {
	switch {
	case size <= small:
		return "cifar", fmt.Sprintf("views of %d px", size)
	case images < many:
		return "imagenet100", fmt.Sprintf("views of %d px, fewer than %d images", size, many)
	}
	return "imagenet", fmt.Sprintf("views of %d px, %d images or more", size, many)
}

// Settings returns what a preset sets for a method: first what it sets for all methods, then what for this one.
// A preset that does not know the method sets only the former.
func Settings(name, method string) ([]Setting, error) {
	sections, err := read(name)
	if err != nil {
		return nil, err
	}
	var all []Setting
	for _, section := range []string{everything, method} {
		for i := 0; i+1 < len(sections[section].values); i += 2 {
			key, value := sections[section].values[i], sections[section].values[i+1]
			text, err := yaml.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("reading preset %s: %w", name, err)
			}
			all = append(all, Setting{key.Value, strings.TrimSpace(string(text))})
		}
	}
	return all, nil
}

// About returns where a preset's values are from, in a sentence or two.
func About(name string) (string, error) {
	sections, err := read(name)
	return sections[everything].source, err
}

// Source returns where the values are from that a preset has for a method alone, and whether it has any. It is empty
// where there is nothing to say beside [About].
func Source(name, method string) (source string, known bool, err error) {
	sections, err := read(name)
	s, known := sections[method]
	return s.source, known, err
}

// everything is the section of what holds for all methods. The comment above it is the preset's.
const everything = "all"

type section struct {
	source string
	values []*yaml.Node // a key, its value, the next key, ...
}

func read(name string) (map[string]section, error) {
	text, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("unknown preset %q: there are %s", name, strings.Join(Names, ", "))
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading preset %s: %w", name, err)
	}
	sections := map[string]section{}
	for top, i := document.Content[0].Content, 0; i+1 < len(top); i += 2 {
		key, comment := top[i], top[i].LineComment
		if key.Value == everything {
			_, comment, _ = strings.Cut(key.HeadComment, "\n") // below the licence
		}
		var words []string
		for _, line := range strings.Split(comment, "\n") {
			words = append(words, strings.Fields(strings.TrimPrefix(line, "#"))...)
		}
		values := top[i+1]
		if values.Kind == yaml.AliasNode {
			values = values.Alias
		}
		// The comment behind a value is for who reads the file.
		for _, v := range values.Content {
			v.LineComment, v.HeadComment, v.FootComment = "", "", ""
		}
		sections[key.Value] = section{strings.Join(words, " "), values.Content}
	}
	return sections, nil
}
