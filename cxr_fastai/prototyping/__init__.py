"""From a folder of one's own to a model held against the light, within a budget of minutes.

It curates, probes, plans, trains, scores and tells: it joins curation, training and evaluation.
"""
