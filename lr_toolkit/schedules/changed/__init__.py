"""What a run follows after a change of its plan: a stretched, continued or restarted timeline, or a second warmup."""

from lr_toolkit.schedules.changed.change import without_past as without_past
from lr_toolkit.schedules.changed.continuation import Continued as Continued
from lr_toolkit.schedules.changed.continuation import continued as continued
from lr_toolkit.schedules.changed.followed import describe_change as describe_change
from lr_toolkit.schedules.changed.followed import timeline_from as timeline_from
from lr_toolkit.schedules.changed.restart import Restarted as Restarted
from lr_toolkit.schedules.changed.restart import restarted as restarted
from lr_toolkit.schedules.changed.rewarm import Rewarmed as Rewarmed
from lr_toolkit.schedules.changed.rewarm import rewarmed as rewarmed
from lr_toolkit.schedules.changed.stretch import Stretched as Stretched
from lr_toolkit.schedules.changed.stretch import stretched as stretched
