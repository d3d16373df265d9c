"""How questions about the picture itself, and about two pictures, are put; stars: for the test."""

from __future__ import annotations

__all__ = ["TEXT"]

TEXT = """
[is technique]
Is this a {technique} image?
Is this {technique}?
Was this taken by {technique}?
Was {technique} used?
Is the technique {technique}?
Does this come from {a_technique}?
Is this picture from {technique}?
Was {a_technique} used here?
* Would you say this was imaged by {technique}?
* Could this be {a_technique} micrograph?

[quality]
What is wrong with the image quality?
What is wrong with the picture quality?
What is wrong with how this was imaged?
Which imaging problems are there?
Which imaging artefacts do you see?
Does the image have artefacts, and which?
What disturbs the picture?
What spoils the image?
Which image faults do you see?
Which flaws does the imaging have?
Name the imaging artefacts.
* What could be better about this image?
* From which faults of imaging does this suffer?

[noisy or blurred]
Is the image noisy or blurred?
Is the picture noisy or out of focus?
Does the image suffer from noise or blur?
Is there noise or blur?
Do you see noise or blur?
Noise or blur?
Is the picture blurred or noisy?
Does it look noisy or blurred?
* Would you call this picture noisy or unsharp?
* Is blur or noise a problem here?

[is quality]
Is there {fault}?
Do you see {fault}?
Does the image suffer from {fault}?
Does the picture show {fault}?
Any {fault}?
Is {fault} visible?
Is {fault} a problem in this image?
Can you see {fault} in the picture?
* Would you say this image has {fault}?
* Has {fault} spoilt the picture?

[information bar]
Does the image have an information bar?
Is there an information bar?
Do you see a data bar at the bottom?
Is there a bar with text below the picture?
Does the picture have an info bar?
Is the microscope's information bar visible?
Does this region include the data bar?
Any information bar?
* Has the microscope written a bar of text under the image?
* Is a data strip part of this picture?

[field of view]
How wide is the field of view?
What is the field of view?
How large is the field of view in {unit}?
How wide is the picture in {unit}?
How many {unit} wide is the image?
What is the width of this region?
What width does the picture cover?
How wide is this region?
What is the image width in {unit}?
How wide is the area shown?
* How many {unit} does the image span from left to right?
* What is the real width of what I see?

[compare defects]
Which region has more defects?
Which of the two regions has more defects?
In which region are there more defects?
Where are there more defects, in the first or the second region?
Does the first or the second region have more defects?
Which region is more defective?
Which one has more flaws?
More defects in the first or the second?
* Which of the two has the higher number of defects?
* Of these two regions, which is worse in defects?

[compare kind]
Do both show the same defect?
Do both regions show the same defect?
Is it the same defect in both regions?
Is the defect of the first region the same as in the second?
Do the two regions have the same kind of defect?
Are the defects in both regions of the same kind?
Same defect in both?
Do they share the same defect?
* Would you say the defect is the same in these two regions?
* Is one defect common to both?

[compare category]
Do both show the same kind of sample?
Are both regions of the same category?
Is it the same kind of sample in both?
Do the two regions show the same type of sample?
Do both regions belong to one category?
Same sample in both regions?
Are these two of the same kind?
Is the sample the same in the first and the second region?
* Would you put both regions into one category?
* Is the type of specimen the same in the two?

[compare size]
Which region has the larger {objects}?
In which region do the {objects} look larger?
Where are the {objects} larger, in the first or the second region?
Which region shows the larger objects?
Are the {objects} larger in the first or the second region?
In which region are the objects bigger?
Which of the two has the bigger {objects}?
Larger {objects} in the first or the second?
* Of these two regions, which one contains the bigger objects?
* Do the {objects} look bigger in the first one or in the second one?

[compare defect size]
Which region has the larger defect?
In which region is the defect larger?
Where is the defect larger, in the first or the second region?
Which of the two shows the bigger defect?
Is the defect larger in the first or the second region?
Which region has the bigger flaw?
Which defect is larger, that of the first or of the second region?
Larger defect in the first or the second?
* Of these two regions, in which does the defect reach further?
* Which one contains the bigger defect?

[compare density]
Which region is denser?
In which region are the {objects} denser?
Which of the two regions is more crowded?
Where are the {objects} more densely packed?
Is the first or the second region denser?
Which region has the higher coverage?
Which region is covered more?
Denser in the first or the second?
* In which of the two do the {objects} fill more of the area?
* Which one would you call denser?

[compare count]
Which region has more {objects}?
In which region are there more {objects}?
Which of the two shows more {objects}?
Are there more {objects} in the first or the second region?
Which region contains more objects?
More {objects} in the first or the second?
Where do you count more {objects}?
Does the first or the second region have more {objects}?
* Of these two regions, which has the higher number of {objects}?
* Which one holds more objects?

[difference]
What is the difference between the two regions?
What is different?
How do the two regions differ?
What distinguishes the first region from the second?
Compare the two regions.
Compare these.
In what do they differ?
What differs between the first and the second region?
Describe the difference.
Tell me how these regions differ.
* What sets the two regions apart?
* Can you compare both regions for me?

[which has]
In which region is the {kind}?
Which region has {a_kind}?
Which region shows {a_kind}?
Where is the {kind}, in the first or the second region?
Is the {kind} in the first or the second region?
Which of the two regions has {a_kind}?
Which one shows {a_kind}?
In which of the regions do you see {a_kind}?
* Which of these two contains {a_kind}?
* Of both regions, which is the one with {a_kind}?
"""
"""Kinds of question in brackets, with their phrasings."""
