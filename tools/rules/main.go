// Command rules tells which alerts fire when, by the engine of Prometheus itself. For the tests of the alerts.
//
// Its standard input is a JSON object: the path of a file of rules, and scenes. A scene has series in the notation of
// promtool's unit tests, a value a minute, and the minutes at which to look. Its output is one JSON list a scene, of one
// list of firing alerts a look.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

type input struct {
	Rules  string  `json:"rules"`
	Scenes []scene `json:"scenes"`
}

type scene struct {
	Series  map[string]string `json:"series"`
	Minutes []int             `json:"minutes"`
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var asked input
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return err
	}
	answer := [][][]alert{}
	for _, scene := range asked.Scenes {
		seen, err := scene.play(asked.Rules)
		if err != nil {
			return err
		}
		answer = append(answer, seen)
	}
	return json.NewEncoder(out).Encode(answer)
}

func (s scene) play(file string) (seen [][]alert, err error) {
	load := "load 1m\n"
	for series, values := range s.Series {
		load += fmt.Sprintf("  %s %s\n", series, values)
	}
	suite, err := promqltest.NewLazyLoader(load, promqltest.LazyLoaderOpts{EnableAtModifier: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = suite.Close() }()
	suite.SubqueryInterval = time.Minute
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:  rules.EngineQueryFunc(suite.QueryEngine(), suite.Storage()),
		Appendable: suite.Storage(),
		Context:    context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Logger:     slog.New(slog.DiscardHandler),
	})
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, file)
	if errs != nil {
		return nil, errs[0]
	}
	minute := 0
	for _, look := range s.Minutes {
		for ; minute <= look; minute++ {
			at := time.Unix(0, 0).UTC().Add(time.Duration(minute) * time.Minute)
			suite.WithSamplesTill(at, func(failed error) {
				if failed != nil {
					err = failed
					return
				}
				for _, group := range groups {
					group.Eval(suite.Context(), at)
					for _, rule := range group.Rules() {
						if rule.LastError() != nil {
							err = fmt.Errorf("%s: %w", rule.Name(), rule.LastError())
						}
					}
				}
			})
			if err != nil {
				return nil, err
			}
		}
		seen = append(seen, firing(groups))
	}
	return seen, nil
}

func firing(groups map[string]*rules.Group) []alert {
	found := []alert{}
	for _, group := range groups {
		for _, rule := range group.Rules() {
			alerting, ok := rule.(*rules.AlertingRule)
			if !ok {
				continue
			}
			for _, active := range alerting.ActiveAlerts() {
				if active.State == rules.StateFiring {
					found = append(found, alert{active.Labels.Map(), active.Annotations.Map()})
				}
			}
		}
	}
	sort.Slice(found, func(i, j int) bool { return key(found[i]) < key(found[j]) })
	return found
}

func key(a alert) string {
	text, _ := json.Marshal(a.Labels)
	return strings.Join([]string{a.Labels["alertname"], string(text)}, "/")
}
