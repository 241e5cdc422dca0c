"""The page of a preview: one HTML file in which schedules are read, edited and compared, without a network."""

from lr_toolkit.preview.page.html import page_of as page_of
from lr_toolkit.preview.page.html import write_page as write_page
