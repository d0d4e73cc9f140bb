// SPDX-License-Identifier: Apache-2.0

// Package preset holds settings that go together: an optimiser, its rate, head widths and a length that suit an image
// size and a machine. A preset is plain data, one YAML file of config paths: a section "all" and one for each method.
// The comment beside a section's name gives the source of its values.
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

// Names lists the presets: "imagenet" for many large images, "imagenet100" for fewer, "cifar" for small images,
// "tiny-cpu" for a small network that learns in minutes on two CPU cores, "lab" for a tiny one and experiments of half
// a minute.
var Names = []string{"imagenet", "imagenet100", "cifar", "tiny-cpu", "lab"}

const (
	small = 64     // pixels: CIFAR's images have 32, Tiny ImageNet's 64
	many  = 400000 // images: on a logarithmic scale half-way from ImageNet-100's 127,000 to ImageNet's 1,280,000
)

// For returns the preset to use if none is named, and why. It goes by the side of the images in pixels, and for large
// images by their number. It never returns tiny-cpu or lab, which suit the machine and not the images.
func For(size, images int) (name, why string) {
	switch {
	case size <= small:
		return "cifar", fmt.Sprintf("views of %d px", size)
	case images < many:
		return "imagenet100", fmt.Sprintf("views of %d px, fewer than %d images", size, many)
	}
	return "imagenet", fmt.Sprintf("views of %d px, %d images or more", size, many)
}

// Settings returns a preset's settings for a method: first those for all methods, then those for this one. If the
// preset does not know the method, it returns only the former.
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

// About returns the source of a preset's values, in a sentence or two.
func About(name string) (string, error) {
	sections, err := read(name)
	return sections[everything].source, err
}

// Source returns the source of a preset's values for one method, and whether it has any. The source is empty if [About]
// says it all.
func Source(name, method string) (source string, known bool, err error) {
	sections, err := read(name)
	s, known := sections[method]
	return s.source, known, err
}

// everything is the section for all methods. The comment above it is the preset's.
const everything = "all"

type section struct {
	source string
	values []*yaml.Node // a key, its value, the next key, ...
}

func read(name string) (map[string]section, error) {
	text, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("unknown preset %q: the presets are %s", name, strings.Join(Names, ", "))
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
		// A comment beside a value is for readers of the file.
		for _, v := range values.Content {
			v.LineComment, v.HeadComment, v.FootComment = "", "", ""
		}
		sections[key.Value] = section{strings.Join(words, " "), values.Content}
	}
	return sections, nil
}
